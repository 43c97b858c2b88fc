"""What is done to the broker of a laboratory: it dies, stands still, or is cut off."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tests.crash.laboratory import Laboratory
from tests.crash.line import Line
from tests.crash.runs import kill
from tests.crash.topics import Topics
from tests.system.service import until

AWAY_SECONDS: Final = 2.0

Harm = Callable[[Laboratory], Awaitable[None]]


async def died(lab: Laboratory) -> None:
    """The broker is killed, and started again."""
    broker = _topics(lab).broker
    await broker.kill()
    await asyncio.sleep(AWAY_SECONDS)
    await broker.start()


async def stood_still(lab: Laboratory) -> None:
    """Its process is stopped, its connections stay open."""
    broker = _topics(lab).broker
    broker.stand_still()
    try:
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        broker.go_on()


async def refused(lab: Laboratory) -> None:
    await _harmed(lab, Line.refuse)


async def half_open(lab: Laboratory) -> None:
    await _harmed(lab, Line.half_open)


async def cut_in_mid_message(lab: Laboratory) -> None:
    await _harmed(lab, lambda line: line.cut_after(700))


async def delayed(lab: Laboratory) -> None:
    await _harmed(lab, lambda line: line.delay(0.1))


PARTITIONS: Final[Sequence[Harm]] = (refused, cut_in_mid_message, half_open, delayed)
"""What a line between servers and broker knows."""


async def kill_and_take_away(lab: Laboratory) -> None:
    """Servers start to die; where there is a broker, it is away twice meanwhile."""
    await kill(lab)
    if lab.topics is not None:
        for harm in lab.chance.sample((died, stood_still, *PARTITIONS), 2):
            await asyncio.sleep(lab.chance.uniform(5, 15))
            await harm(lab)


async def _harmed(lab: Laboratory, harm: Callable[[Line], None]) -> None:
    line = _topics(lab).line
    if line is None:
        raise AssertionError("this broker is reached directly, and others use it")
    before = line.harmed

    async def is_felt() -> bool:
        return line.harmed > before

    harm(line)
    await asyncio.sleep(AWAY_SECONDS)
    await until(is_felt)
    line.mend()


def _topics(lab: Laboratory) -> Topics:
    if lab.topics is None:
        raise AssertionError("this laboratory has no broker")
    return lab.topics
