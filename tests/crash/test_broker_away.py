"""The broker is away: killed, standing still, or cut off. Everything goes on, and catches up."""

import asyncio
from collections.abc import Generator, Sequence

import pytest

from tests.crash.away import PARTITIONS, Harm, died, stood_still
from tests.crash.broker import Broker, own_broker
from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.runs import judge, run
from tests.plugins.engines import program

pytestmark = pytest.mark.xdist_group("broker")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[Broker]:
    program("kafka")
    with own_broker(tmp_path_factory.mktemp("broker") / "kafka") as broker:
        yield broker


@pytest.mark.parametrize("harms", [(died, stood_still), PARTITIONS], ids=["stopped", "cut off"])
async def test_a_broker_that_is_away_loses_and_doubles_nothing(
    broker: Broker, harms: Sequence[Harm]
) -> None:
    async def take_away(lab: Laboratory) -> None:
        for harm in harms:
            await asyncio.sleep(1)
            await harm(lab)

    async with laboratory(101, servers=2, broker=broker) as lab:
        judge(await run(lab, 10, take_away))
