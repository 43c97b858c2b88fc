"""Upkeep is done once an interval, however much there was to do."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final, final

import pytest

from entrypoints.background import JITTER, LONGEST_PAUSE, Repeated
from entrypoints.tending import tending

HOUR: Final = 3600.0


@final
@dataclass(slots=True)
class EndlessWork:
    """A `Storage` in which there is always something to do."""

    done: int = 0

    async def tend(self) -> int:
        self.done += 1
        return 7


async def first_pause(job: Repeated) -> float:
    """Run the job until it pauses; for how many seconds it meant to."""
    pauses = asyncio.Queue[float]()

    async def pause(seconds: float) -> None:
        pauses.put_nowait(seconds)
        await asyncio.Event().wait()

    running = asyncio.create_task(replace(job, wake=pause).run())
    seconds = await pauses.get()
    running.cancel()
    return seconds


@pytest.mark.parametrize("which", [0, 1])
async def test_a_pass_that_did_something_waits_its_interval(which: int) -> None:
    works = EndlessWork(), EndlessWork()
    job = tending(*works, HOUR)[which]

    pause = await first_pause(job)

    assert [work.done for work in works] == [int(which == 0), int(which == 1)]
    assert pause == pytest.approx(HOUR, rel=JITTER / 2)
    assert pause > LONGEST_PAUSE
