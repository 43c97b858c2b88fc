"""How far a reader is behind is told, by a time that all servers share."""

from asyncio import Event
from dataclasses import dataclass
from datetime import datetime
from typing import final

import pytest

from domain.delivery.incoming_message import Partition
from domain.kernel.errors import StorageUnavailableError
from tests.doubles import until
from tests.unit.application.delivery.consuming import TOPIC, Bench

ONE = Partition(TOPIC, 1)
"""Where the key `a` stands."""


@final
@dataclass(frozen=True, slots=True)
class SilentClock:
    """A `DurableClock` of a database that is away."""

    async def now(self) -> datetime:
        raise StorageUnavailableError


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_lag_and_its_age_by_the_databases_time_are_told(bench: Bench) -> None:
    written_at = round((bench.clock.now().timestamp() - 90) * 1000)
    bench.taking.held[b"0"] = Event()
    for value in (b"0", b"1"):
        bench.topics.put(TOPIC, b"a", value, written_at=written_at)
        written_at += 30_000

    async with bench.consuming():
        await until(lambda: bench.told.lag.get(ONE) == (2, 90.0))


async def test_where_the_database_has_never_told_the_time_the_lag_alone_is_told(
    bench: Bench,
) -> None:
    bench.times = SilentClock()
    bench.taking.held[b"0"] = Event()
    bench.topics.put(TOPIC, b"a", b"0", written_at=1)

    async with bench.consuming():
        await until(lambda: bench.told.lag.get(ONE) == (1, 0.0))


async def test_of_a_lag_of_which_nothing_was_read_the_age_is_not_known(bench: Bench) -> None:
    bench.has_room = lambda: False
    bench.put(b"0", b"1")

    async with bench.consuming():
        await until(lambda: bench.told.lag.get(ONE) == (2, 0.0))
