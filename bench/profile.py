"""Where the product's time goes: a run under cProfile, by function."""

import os
import pstats
import signal
import sys
from asyncio import sleep, timeout
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.machine import Cores
from bench.measuring import COALESCED, Scene
from bench.processes import BenchFailedError
from bench.stage import stage

TURNS: Final = 400
WARM_TURNS: Final = 128
LINES: Final = 40
_WRITE_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.1


async def profile(
    folder: Path, machine: Cores, say: Callable[[str], None], scene: Scene = COALESCED
) -> str:
    """The functions with the most time of their own, in microseconds a turn.

    The profiler itself costs more than what it measures: shares count here, not sums, and functions
    written in C are told too dear by less than those in Python.
    """
    file = folder / "product.profile"
    program = (sys.executable, "-m", "bench.profiled", str(file))
    async with stage(folder, machine, say, program=program) as parts:
        caller, pid = parts.product.client, parts.product.pids[0]
        await caller.run(await caller.sessions(WARM_TURNS), scene.in_flight, scene.pace_ms)
        sessions = await caller.sessions(TURNS)
        os.kill(pid, signal.SIGUSR1)
        say(f"{TURNS} turns under the profiler")
        await caller.run(sessions, scene.in_flight, scene.pace_ms)
        os.kill(pid, signal.SIGUSR2)
        try:
            async with timeout(_WRITE_SECONDS):
                while not file.exists():  # noqa: ASYNC110 - another process writes it
                    await sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise BenchFailedError("the profiler has written nothing") from None
    return _lines(file)


def _lines(file: Path) -> str:
    found = pstats.Stats(str(file)).get_stats_profile().func_profiles
    rows = sorted(found.items(), key=lambda item: item[1].tottime, reverse=True)[:LINES]
    return "\n".join(
        [
            "  own µs  with callees  calls  function (a turn)",
            *(
                f"{row.tottime * 1e6 / TURNS:8.1f}  {row.cumtime * 1e6 / TURNS:12.1f}  "
                f"{_calls(row.ncalls):5.1f}  {_place(row.file_name)}:{row.line_number} {name}"
                for name, row in rows
            ),
        ]
    )


def _calls(told: str) -> float:
    """Calls a turn; a recursive function tells `all/primitive`."""
    return int(told.partition("/")[0]) / TURNS


def _place(file: str) -> str:
    return "/".join(Path(file).parts[-3:])
