"""A disk that is full under the database's folder, and has room again."""

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator
from functools import partial
from pathlib import Path
from shutil import rmtree

import pytest

from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.runs import judge, run
from tests.system.service import until

DISK = "400m"


@pytest.fixture
def small_disk() -> Generator[Path]:
    """A folder on a file system of its own; a case that may not mount one is not run."""
    folder = Path(tempfile.mkdtemp(prefix="somagent-disk-"))
    try:
        mounted = os.geteuid() == 0 and _ran(
            "mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder
        )
        if not mounted:
            pytest.skip("a small file system cannot be mounted here")
        try:
            folder.chmod(0o755)
            yield folder
        finally:
            _ran("umount", folder)
    finally:
        rmtree(folder, ignore_errors=True)


def _ran(*command: str | Path) -> bool:
    try:
        return not subprocess.run(command, check=False, capture_output=True).returncode  # noqa: S603 - our own lines
    except FileNotFoundError:
        return False


@contextlib.asynccontextmanager
async def full(folder: Path) -> AsyncGenerator[None]:
    """Take all room there is."""
    ballast = folder / "ballast"
    await asyncio.to_thread(_fill, ballast)
    try:
        yield
    finally:
        ballast.unlink()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass


async def is_felt(lab: Laboratory) -> bool:
    return "No space left on device" in lab.database_said()


async def test_a_full_disk_loses_and_doubles_nothing(small_disk: Path) -> None:
    async def fill(lab: Laboratory) -> None:
        lab.evidence[-1].troubled = True
        await asyncio.sleep(3)
        async with full(lab.folder):
            await asyncio.sleep(4)
            await until(partial(is_felt, lab))

    async with laboratory(61, servers=2, folder=small_disk) as lab:
        judge(await run(lab, 14, fill))
