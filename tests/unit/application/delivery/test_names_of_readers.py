"""Of two readers of one name one reads, and the other takes nothing from it."""

from asyncio import create_task, timeout
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import final

import pytest

from application.delivery.ports.source import MessageSource, Poll
from domain.delivery.incoming_message import Partition
from tests.doubles import PATIENCE, until
from tests.unit.application.delivery.consuming import TOPIC, Bench


@final
@dataclass(frozen=True, slots=True)
class Unsure:
    """A source that has errors first where it is asked about its name."""

    source: MessageSource
    errors: list[Exception]

    async def poll(self, most: int, seconds: float) -> Poll:
        return await self.source.poll(most, seconds)

    async def commit(self, positions: Mapping[Partition, int]) -> Mapping[Partition, int]:
        return await self.source.commit(positions)

    async def pause(self, partitions: Collection[Partition] | None = None) -> None:
        await self.source.pause(partitions)

    async def resume(self, partitions: Collection[Partition] | None = None) -> None:
        await self.source.resume(partitions)

    async def lag(self) -> Mapping[Partition, int]:
        return await self.source.lag()

    async def replaced(self) -> bool:
        if self.errors:
            raise self.errors.pop(0)
        return await self.source.replaced()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_of_two_consumers_of_one_name_the_first_stays_out(bench: Bench) -> None:
    async with bench.consuming("server-1"), bench.consuming("server-1"):
        await until(lambda: bench.told.fences == ["fenced"])
        bench.put(b"0")
        await until(lambda: bench.taking.taken == [b"0"])
        # However often it looks: while the other is there it takes nothing back.
        await until(lambda: len(bench.pauses) > 20)

    assert bench.told.fences == ["fenced"]
    assert bench.pauses[:10] == sorted(bench.pauses[:10])


async def test_one_that_was_fenced_ends_when_the_other_is_gone_to_read_anew(bench: Bench) -> None:
    first = create_task(bench.consume(bench.topics.join((TOPIC,), "server-1"))())
    async with bench.consuming("server-1"):
        await until(lambda: bench.told.fences == ["fenced"])

    async with timeout(PATIENCE):
        await first

    assert bench.told.fences == ["fenced", "freed"]


async def test_one_that_cannot_ask_for_its_name_stays_out_and_asks_again(bench: Bench) -> None:
    first = bench.topics.join((TOPIC,), "server-1")
    source = Unsure(first, [ConnectionError("no answer"), MemoryError("too much")])
    second = create_task(bench.consume(source)())
    async with bench.consuming("server-1"):
        await until(lambda: bench.told.fences == ["fenced", "no answer", "too much"])
        assert await first.replaced()

    async with timeout(PATIENCE):
        await second

    assert bench.told.fences == ["fenced", "no answer", "too much", "freed"]
