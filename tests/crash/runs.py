"""One run: tenants, clients, something that goes wrong meanwhile, and the check after it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from tests.crash.checker.violation import Violation
from tests.crash.evidence import Evidence
from tests.crash.laboratory import Laboratory
from tests.system.service import until

MOST_SECONDS: Final = 600.0

SLACK_SECONDS: Final = 240.0
"""A load that should be over and goes on for so long is broken."""

Disturb = Callable[[Laboratory], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What clients were told in a run, and what the checker found after it."""

    evidence: Evidence
    found: Sequence[Violation]

    @property
    def completed(self) -> int:
        return sum(1 for asked in self.evidence.asked if asked.last == "completed")


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
        enough: The load goes on until this is so and a message was answered, for `MOST_SECONDS`
            at most: on a slow machine that takes its time.
        clients: Of each tenant.
    """
    evidence = await lab.tenants()
    began = monotonic()

    def goes_on() -> bool:
        passed = monotonic() - began
        answered = any(asked.last == "completed" for asked in evidence.asked)
        return passed < seconds or (passed < MOST_SECONDS and not (answered and enough()))

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
        AssertionError: Something was found, or no message was answered at all.
    """
    if done.found:
        raise AssertionError("\n".join(str(one) for one in done.found))
    if not done.completed:
        raise AssertionError("no message was answered")
