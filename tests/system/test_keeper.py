"""Whatever becomes of a test, no server and no engine outlives it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from tests.plugins.keeper import ends_postgres, ends_process
from tests.system.service import until

pytestmark = pytest.mark.postgres

TEST = """
import asyncio, pathlib, subprocess, sys
from adapters.postgres.embedded import embedded_server
from tests.plugins.keeper import ends_postgres, ends_process

async def work(folder):
    ends_postgres(folder)
    async with embedded_server(folder, durable=False):
        started = subprocess.Popen(["sleep", "600"], start_new_session=True)
        ends_process(started.pid)
        print(started.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(work(pathlib.Path(sys.argv[1])))
"""


@pytest.fixture
def folder() -> Generator[Path]:
    """Not below the run's own temporary folder, where root's server may not go."""
    made = Path(mkdtemp(prefix="somagent-"))
    ends_postgres(made)
    yield made
    rmtree(made, ignore_errors=True)


def alone(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def with_its_group(pid: int) -> None:
    os.killpg(pid, signal.SIGTERM)


@pytest.mark.parametrize("ends", [alone, with_its_group])
async def test_what_a_test_has_started_ends_with_it(
    folder: Path, ends: Callable[[int], None]
) -> None:
    test = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TEST,
        str(folder),
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    ends_process(test.pid)
    assert test.stdout is not None
    started = int(await test.stdout.readline())
    engine = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    assert runs(started)
    assert runs(engine)

    ends(test.pid)
    await test.wait()

    async def both_have_ended() -> bool:
        return not runs(started) and not runs(engine)

    await until(both_have_ended)


def runs(pid: int) -> bool:
    """Whether a process is there; one that has ended, and that nobody asked about, is not."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
