"""Servers whose clocks are hours ahead and behind: leases and periods are the database's."""

import asyncio

from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.owner import taken_over
from tests.crash.runs import judge, run

HOURS = 3600


async def one_is_killed(lab: Laboratory) -> None:
    """So that the others take its turns over by the time of the database."""
    for place in lab.fleet.places:
        await asyncio.sleep(2)
        if place.service is not None:
            lab.fleet.strike(place.service)


async def test_clocks_that_are_hours_apart_harm_nothing() -> None:
    wrong = [{"laboratory__clock_offset_seconds": hours * HOURS} for hours in (5, -5, 0)]
    seen = asyncio.Event()

    async def kill_until_seen(lab: Laboratory) -> None:
        await one_is_killed(lab)
        while not await taken_over(lab):
            await one_is_killed(lab)
        seen.set()

    async with laboratory(71, of_place=wrong) as lab:
        judge(await run(lab, 12, kill_until_seen, enough=seen.is_set))
