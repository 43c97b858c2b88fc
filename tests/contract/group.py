"""What the readers of a group do, each until the broker has answered it in time."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from application.delivery.ports.source import MessageSource
from domain.delivery.incoming_message import IncomingMessage, Partition
from tests.contract.brokers import PARTITIONS, PATIENCE_SECONDS
from tests.system.service import until


async def read(source: MessageSource, count: int) -> list[IncomingMessage]:
    """So many messages; a broker gives them when it has shared out its partitions."""
    return await read_by_all([source], count)


async def read_by_all(sources: Sequence[MessageSource], count: int) -> list[IncomingMessage]:
    found: list[IncomingMessage] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (left := count - len(found)) > 0:
            polls = await asyncio.gather(*(one.poll(left, 0.5) for one in sources))
            for poll in polls:
                found += poll.messages
    return found


async def done_with(
    source: MessageSource, messages: Sequence[IncomingMessage], partitions: int = 0
) -> Mapping[Partition, int]:
    """Commit until so many partitions are kept, or all of these messages: what is kept then."""
    positions: dict[Partition, int] = {}
    for message in messages:
        positions[message.partition] = message.offset + 1
    kept: Mapping[Partition, int] = {}

    async def is_kept() -> bool:
        nonlocal kept
        kept = await source.commit(positions)
        return len(kept) >= (partitions or len(positions))

    await until(is_kept, PATIENCE_SECONDS)
    return kept


async def lag_of(source: MessageSource) -> Mapping[Partition, int]:
    """The lag of the one reader of a group, once it is told of every partition."""
    lag: Mapping[Partition, int] = {}

    async def is_told() -> bool:
        nonlocal lag
        lag = await source.lag()
        return len(lag) == PARTITIONS

    await until(is_told, PATIENCE_SECONDS)
    return lag


@dataclass(frozen=True, slots=True)
class Shared:
    """What each of two readers has, and what the second has read of it already."""

    of_first: Collection[Partition]
    of_second: Collection[Partition]
    read_by_second: Sequence[IncomingMessage]


async def until_shared(first: MessageSource, second: MessageSource) -> Shared:
    """Poll until the first has lost what it had, and each has one of the two partitions."""
    lost = False
    found: list[IncomingMessage] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            one, other = await asyncio.gather(first.poll(1, 0.5), second.poll(10, 0.5))
            lost = lost or bool(one.lost)
            found += other.messages
            mine, others = (await first.lag()).keys(), (await second.lag()).keys()
            if lost and len(mine) == len(others) == 1 and mine != others:
                return Shared(mine, others, found)
