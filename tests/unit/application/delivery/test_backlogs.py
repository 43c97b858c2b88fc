"""What waits behind its own key, or for its next try, holds up no more than its partition."""

from asyncio import Event

import pytest

from application.delivery.consume import ConsumerTerms
from domain.conversation.errors import SessionBusyError
from domain.delivery.incoming_message import Partition
from tests.doubles import until
from tests.unit.application.delivery.consuming import TOPIC, Bench

ONE = Partition(TOPIC, 1)
"""Where the keys `a`, `c` and `e` stand."""


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_what_waits_behind_its_key_takes_no_place_from_other_keys(bench: Bench) -> None:
    bench.taking.held[b"first"] = Event()
    bench.put(b"first", *[b"behind"] * 8, key=b"a")
    async with bench.consuming(terms=ConsumerTerms(in_flight=2, batch=2)):
        await until(lambda: bench.taking.begun == [b"first"])
        bench.put(b"same partition", key=b"c")
        bench.put(b"other partition", key=b"b")
        await until(lambda: len(bench.taking.taken) == 2)
        bench.taking.held[b"first"].set()
        await until(lambda: bench.committed.get(ONE) == 10)


async def test_what_waits_for_its_next_try_takes_no_place_from_others(bench: Bench) -> None:
    bench.blocked = Event()
    for key in (b"a", b"c", b"e"):
        bench.taking.errors[key] = [SessionBusyError("x")]
        bench.put(key, key=key)

    async with bench.consuming(terms=ConsumerTerms(in_flight=2, batch=2)):
        await until(lambda: len(bench.told.again) == 3)
        bench.put(b"0", key=b"b")
        await until(lambda: bench.taking.taken == [b"0"])
        bench.blocked.set()
        await until(lambda: len(bench.taking.taken) == 4)


async def test_too_long_a_backlog_pauses_its_own_partition_alone(bench: Bench) -> None:
    bench.taking.held[b"first"] = Event()
    bench.put(b"first", *[b"behind"] * 20, key=b"a")
    terms = ConsumerTerms(in_flight=2, batch=2, backlog=4)
    async with bench.consuming(terms=terms):
        (reader,) = bench.topics.readers
        await until(lambda: reader.paused == {ONE})
        assert reader.positions[ONE] <= terms.in_flight + terms.backlog + terms.batch
        bench.put(*[b"other"] * 20, key=b"b")
        await until(lambda: bench.taking.taken == [b"other"] * 20)
        bench.taking.held[b"first"].set()
        await until(lambda: bench.committed.get(ONE) == 21)


async def test_too_large_a_backlog_pauses_its_partition_too(bench: Bench) -> None:
    bench.taking.held[b"first"] = Event()
    bench.put(b"first", *[b"x" * 1000] * 20, key=b"a")
    async with bench.consuming(terms=ConsumerTerms(batch=2, backlog_bytes=4000)):
        (reader,) = bench.topics.readers
        await until(lambda: reader.paused == {ONE})
        assert reader.positions[ONE] <= 7
        bench.taking.held[b"first"].set()
        await until(lambda: bench.committed.get(ONE) == 21)


async def test_a_partition_that_comes_back_is_paused_when_it_is_full_at_once(bench: Bench) -> None:
    bench.taking.held[b"x" * 1000] = Event()
    bench.put(*[b"x" * 1000] * 20, key=b"a")
    async with bench.consuming(terms=ConsumerTerms(batch=2, backlog_bytes=2000)):
        (reader,) = bench.topics.readers
        await until(lambda: reader.paused == {ONE})
        # All of the group is shared anew, and this reader gets what it had.
        bench.topics.share()
        assert (reader.paused, reader.positions[ONE]) == (set(), 0)

        await until(lambda: reader.positions[ONE] == 20 or reader.paused == {ONE})

        assert reader.positions[ONE] == 2
        bench.taking.held[b"x" * 1000].set()
        await until(lambda: bench.committed.get(ONE) == 20)
