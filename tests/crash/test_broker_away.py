"""The broker is away: killed, standing still, or cut off. Everything goes on, and catches up."""

import asyncio
from collections.abc import Generator

import pytest

from tests.crash.broker import Broker, own_broker
from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.line import Line
from tests.crash.runs import judge, run
from tests.plugins.engines import program

pytestmark = pytest.mark.xdist_group("broker")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[Broker]:
    program("kafka")
    with own_broker(tmp_path_factory.mktemp("broker") / "kafka") as broker:
        yield broker


def line_of(lab: Laboratory) -> Line:
    assert lab.topics is not None
    assert lab.topics.line is not None
    return lab.topics.line


def cut_in_mid_message(line: Line) -> None:
    line.cut_after(700)


def delayed(line: Line) -> None:
    line.delay(0.1)


async def test_a_broker_that_dies_or_stands_still_loses_nothing(broker: Broker) -> None:
    async def take_away(_: Laboratory) -> None:
        await asyncio.sleep(2)
        await broker.kill()
        await asyncio.sleep(2)
        await broker.start()
        await asyncio.sleep(2)
        broker.stand_still()
        await asyncio.sleep(3)
        broker.go_on()

    async with laboratory(101, servers=2, broker=broker) as lab:
        judge(lab, await run(lab, 10, take_away))


async def test_a_broker_that_is_cut_off_loses_nothing(broker: Broker) -> None:
    async def part(lab: Laboratory) -> None:
        line = line_of(lab)
        await asyncio.sleep(1)
        for harm in (Line.refuse, cut_in_mid_message, Line.half_open, delayed):
            harm(line)
            await asyncio.sleep(2)
            line.mend()
            await asyncio.sleep(0.5)

    async with laboratory(103, servers=2, broker=broker) as lab:
        judge(lab, await run(lab, 10, part))
