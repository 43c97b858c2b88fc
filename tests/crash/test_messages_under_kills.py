"""Servers that read and publish messages, and are killed at every step of that, or come and go."""

import asyncio

from tests.crash.broker import Broker
from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.runs import judge, kill, run
from tests.plugins.kafka import KafkaBrokers

STEPS = ("source.", "letters.", "audits.", "publisher.")


async def test_servers_that_are_killed_over_messages_lose_and_double_nothing(
    kafka: KafkaBrokers,
) -> None:
    async with laboratory(111, servers=3, steady=1, broker=Broker(kafka)) as lab:
        plan = lab.fleet.plan
        plan.points = tuple(one for one in plan.points if one.startswith(STEPS))
        done = await run(lab, 8, kill, enough=lambda: not plan.below(1))

        judge(done)
        assert plan.below(1) == []


async def come_and_go(lab: Laboratory) -> None:
    """One server after the other stops in good order, and is started again; one is killed."""
    for place in lab.fleet.places:
        await asyncio.sleep(2)
        if place.service is not None:
            lab.fleet.leave(place.service)
    await asyncio.sleep(2)
    if (last := lab.fleet.places[-1].service) is not None:
        lab.fleet.strike(last)


async def test_readers_without_names_that_come_and_go_lose_and_double_nothing(
    kafka: KafkaBrokers,
) -> None:
    # Each who joins, leaves or is lost moves partitions while their messages are worked on.
    nameless = [{"kafka__consumers__instance": ""}] * 2
    async with laboratory(113, servers=2, broker=Broker(kafka), of_place=nameless) as lab:
        lab.fleet.plan.asked = lambda: ("source.commit.after",)
        done = await run(lab, 10, come_and_go)

        judge(done)
        assert any(asked.sent for asked in done.evidence.asked)
