"""Servers that read and publish messages, and are killed at every step of that."""

from tests.crash.broker import Broker
from tests.crash.laboratory import laboratory
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

        judge(lab, done)
        assert plan.below(1) == []
