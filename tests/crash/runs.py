"""One run: tenants, clients, something that goes wrong meanwhile, and the check after it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from tests.crash.checker.violation import Violation
from tests.crash.evidence import Evidence
from tests.crash.laboratory import Laboratory
from tests.crash.script import KINDS
from tests.system.service import until

MOST_SECONDS: Final = 600.0

SLACK_SECONDS: Final = 240.0
"""A load that should be over and goes on for so long is broken."""

LEAST_ANSWERS: Final = 25

LEAST_DEEDS: Final = 12
"""A run in which less is done, and ends well, shows nothing."""

Disturb = Callable[[Laboratory], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What clients were told in a run, and what the checker found after it."""

    evidence: Evidence
    found: Sequence[Violation]

    @property
    def completed(self) -> int:
        return completed_in(self.evidence)


def completed_in(evidence: Evidence) -> int:
    """How many messages were answered."""
    return sum(1 for asked in evidence.asked if asked.last == "completed")


def deeds_in(evidence: Evidence) -> int:
    """How many calls of tools came to a good end, as clients were told."""
    by_turns = sum(KINDS[one.kind].rounds for one in evidence.asked if one.last == "completed")
    return by_turns + sum(1 for one in evidence.called if one.state == "SUCCEEDED")


def shows_something(evidence: Evidence) -> bool:
    """Whether so much happened that it says something when nothing is found."""
    return completed_in(evidence) >= LEAST_ANSWERS and deeds_in(evidence) >= LEAST_DEEDS


async def run(
    lab: Laboratory,
    seconds: float,
    disturb: Disturb,
    *,
    enough: Callable[[], bool] = lambda: True,
    clients: int = 3,
) -> Run:
    """Load, with what disturbs it; then peace until all is over, and the check.

    Args:
        lab: Where.
        seconds: How long the load is there at least.
        disturb: What goes wrong meanwhile; it is over in `MOST_SECONDS`.
        enough: The load goes on until this is so and enough has happened, for `MOST_SECONDS` at
            most: on a slow machine that takes its time.
        clients: Of each tenant.
    """
    evidence = await lab.tenants()
    began = monotonic()

    def goes_on() -> bool:
        passed = monotonic() - began
        over = shows_something(evidence) and enough()
        return passed < seconds or (passed < MOST_SECONDS and not over)

    loading = asyncio.create_task(lab.load(evidence, goes_on, clients))
    try:
        async with asyncio.timeout(max(seconds, MOST_SECONDS)):
            await disturb(lab)
        await _until_over(goes_on, max(seconds, MOST_SECONDS) + SLACK_SECONDS)
        await lab.fleet.calm()
        await loading
    finally:
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    await lab.over(evidence)
    found = [*await lab.check(evidence), *lab.fallen()]
    lab.found += found
    return Run(evidence=evidence, found=found)


async def _until_over(goes_on: Callable[[], bool], most_seconds: float) -> None:
    async def is_over() -> bool:
        return not goes_on()

    await until(is_over, most_seconds)


async def kill(lab: Laboratory) -> None:
    """Start every server to die, again and again, until there is peace."""
    lab.fleet.kill()


def judge(done: Run) -> None:
    """Raise with what was found; the laboratory is kept then, as by everything that is raised.

    Raises:
        AssertionError: Something was found, or too little happened for that to say anything.
    """
    if done.found:
        raise AssertionError("\n".join(str(one) for one in done.found))
    if not shows_something(done.evidence):
        deeds = deeds_in(done.evidence)
        raise AssertionError(f"only {done.completed} answers and {deeds} deeds: too few")
