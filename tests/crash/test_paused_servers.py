"""A server that stands still for longer than its lease, and goes on as if nothing had been."""

import asyncio
import signal

from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.owner import taken_over
from tests.crash.runs import judge, run

PAUSE_SECONDS = 2.5
"""Longer than a lease."""


async def stop_and_continue(lab: Laboratory) -> None:
    for place in (*lab.fleet.places, *lab.fleet.places):
        await asyncio.sleep(lab.chance.uniform(0.5, 1.5))
        if place.service is not None:
            place.service.tell(signal.SIGSTOP)
            await asyncio.sleep(PAUSE_SECONDS)
            place.service.tell(signal.SIGCONT)


async def test_a_server_that_wakes_after_its_lease_writes_nothing() -> None:
    seen = asyncio.Event()

    async def pause_until_seen(lab: Laboratory) -> None:
        lab.evidence[-1].troubled = True
        await stop_and_continue(lab)
        while not await taken_over(lab):
            await stop_and_continue(lab)
        seen.set()

    async with laboratory(31, servers=2) as lab:
        judge(await run(lab, 16, pause_until_seen, enough=seen.is_set))
