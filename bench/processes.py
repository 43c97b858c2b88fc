"""Processes that the bench starts: each is told its work by arguments and tells its port."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.machine import pin

_START_SECONDS: Final = 300.0
_STOP_SECONDS: Final = 300.0


class BenchFailedError(Exception):
    """The bench cannot go on; the message says why."""


@asynccontextmanager
async def child(
    *command: str | Path, core: int, log: Path, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process on one core; leaving closes its standard input, asks it to end, and waits.

    Args:
        command: The program and its arguments.
        core: Where it runs, threads and children included.
        log: Takes its standard error.
        environment: All of its environment; None for ours.
    """
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
    pin([process.pid], core)
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def part(
    module: str, *arguments: str, core: int, log: Path
) -> AsyncGenerator[tuple[int, int]]:
    """A module of the bench as a process; gives its process id and the port that it printed."""
    async with child(sys.executable, "-m", module, *arguments, core=core, log=log) as process:
        if process.stdout is None:
            raise BenchFailedError(f"{module} has no standard output")
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
        if not line:
            raise BenchFailedError(f"{module} did not start:\n{tail(log)}")
        yield process.pid, int(line)


def tail(log: Path, lines: int = 20) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
