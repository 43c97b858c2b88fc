"""Messages are taken once, in the order of their key; what cannot be taken rests."""

from asyncio import Event

import pytest

from application.delivery.consume import ConsumerTerms
from domain.conversation.errors import SessionBusyError
from domain.delivery.errors import MessageUnreadableError, PublisherAwayError
from domain.delivery.incoming_message import Partition
from domain.kernel.errors import InvalidArgumentError, StorageUnavailableError
from domain.tenancy.tenant import PLATFORM_TENANT_ID
from tests.doubles import until
from tests.unit.application.delivery.consuming import TOPIC, Bench

ONE = Partition(TOPIC, 1)
"""Where the key `a` stands."""


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_messages_of_a_key_are_taken_in_order_and_committed(bench: Bench) -> None:
    bench.put(b"0", b"1", b"2")

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 3)

    assert bench.taking.taken == [b"0", b"1", b"2"]


async def test_a_message_is_not_committed_before_it_was_taken(bench: Bench) -> None:
    bench.taking.held[b"0"] = Event()
    bench.put(b"0")

    async with bench.consuming():
        await until(lambda: bench.taking.begun == [b"0"])
        assert not bench.committed.get(ONE)
        bench.taking.held[b"0"].set()
        await until(lambda: bench.committed.get(ONE) == 1)


async def test_a_commit_that_a_broker_did_not_keep_is_made_again(bench: Bench) -> None:
    bench.topics.refusals = 3
    bench.put(b"0")

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 1)

    assert (bench.topics.refusals, bench.taking.taken) == (0, [b"0"])


async def test_what_is_done_with_is_committed_when_a_consumer_stops(bench: Bench) -> None:
    many = 1_000_000
    bench.topics.refusals = many
    bench.put(b"0")

    async with bench.consuming():
        await until(lambda: bench.topics.refusals < many)
        assert not bench.committed.get(ONE)
        bench.topics.refusals = 0

    assert bench.committed.get(ONE) == 1


async def test_a_message_whose_consumer_was_lost_comes_to_the_next(bench: Bench) -> None:
    bench.taking.held[b"1"] = Event()
    bench.put(b"0", b"1")
    async with bench.consuming():
        await until(lambda: b"1" in bench.taking.begun)
        await until(lambda: bench.committed.get(ONE) == 1)

    bench.taking.held[b"1"].set()
    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 2)

    assert bench.taking.taken == [b"0", b"1"]


async def test_other_keys_go_on_while_one_waits(bench: Bench) -> None:
    bench.blocked = Event()
    bench.taking.errors[b"0"] = [SessionBusyError("x")]
    bench.put(b"0", b"1", key=b"a")
    bench.put(b"2", b"3", key=b"c")

    async with bench.consuming():
        await until(lambda: bench.taking.taken == [b"2", b"3"])
        assert not bench.committed.get(ONE)
        bench.blocked.set()
        await until(lambda: bench.committed.get(ONE) == 4)

    assert bench.taking.taken == [b"2", b"3", b"0", b"1"]
    assert bench.told.again == [f"{TOPIC} SESSION_BUSY"]


async def test_what_will_never_pass_rests_at_once_and_its_key_goes_on(bench: Bench) -> None:
    bench.taking.errors[b"0"] = [MessageUnreadableError("garbage")]
    bench.put(b"0", b"1")

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 2)

    (letter,) = bench.rested
    assert (letter.reason, letter.source, letter.origin) == (
        "MESSAGE_UNREADABLE",
        TOPIC,
        f"{TOPIC}/1/0@0",
    )
    assert (len(letter.attempts), bench.pauses) == (1, [])
    assert bench.taking.taken == [b"1"]
    assert bench.told.rests == ["0 MESSAGE_UNREADABLE MessageUnreadableError"]


async def test_letters_of_unknown_senders_give_way_to_later_ones(bench: Bench) -> None:
    values = [str(number).encode() for number in range(6)]
    bench.taking.owner = PLATFORM_TENANT_ID
    for value in values:
        bench.taking.errors[value] = [MessageUnreadableError("garbage")]
    bench.put(*values)

    async with bench.consuming(terms=ConsumerTerms(unknown=2)):
        await until(lambda: bench.committed.get(ONE) == len(values))

    assert [letter.origin for letter in bench.rested] == [f"{TOPIC}/1/{at}@0" for at in (4, 5)]
    assert bench.told.gone == 4


async def test_those_who_read_the_dead_letters_of_a_topic_get_a_copy(bench: Bench) -> None:
    bench.taking.errors[b"0"] = [MessageUnreadableError("garbage")]
    bench.topics.put(TOPIC, b"a", b"0", (("authorization", b"Bearer secret"), ("type", b"x")))

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 1)

    (copy,) = bench.publisher.published
    assert (copy.topic, copy.key, copy.value) == (f"{TOPIC}.dlq", b"a", b"0")
    assert dict(copy.headers).keys() == {"type", "dead-letter", "reason", "origin"}


async def test_a_copy_that_no_broker_takes_stops_nothing(bench: Bench) -> None:
    bench.publisher.errors.append(PublisherAwayError("gone"))
    bench.taking.errors[b"0"] = [MessageUnreadableError("garbage")]
    bench.put(b"0", b"1")

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 2)

    assert (len(bench.rested), len(bench.missed)) == (1, 1)


async def test_what_may_pass_rests_after_its_tries_with_its_history(bench: Bench) -> None:
    bench.taking.errors[b"0"] = [ValueError("a secret") for _ in range(100)]
    bench.put(b"0", b"1")

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 2)

    (letter,) = bench.rested
    assert (letter.reason, letter.cause) == ("INTERNAL", "a defect: ValueError")
    assert len(letter.attempts) == len(bench.pauses) + 1 > 2
    assert bench.pauses == sorted(bench.pauses)


async def test_a_database_that_is_away_is_counted_against_no_message(bench: Bench) -> None:
    away = [StorageUnavailableError() for _ in range(100)]
    bench.taking.errors[b"0"] = [*away, InvalidArgumentError("text", "no")]
    bench.put(b"0")

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 1)

    (letter,) = bench.rested
    assert len(letter.attempts) == 1


async def test_a_letter_that_cannot_be_kept_is_kept_later(bench: Bench) -> None:
    bench.letters.refusals = 3
    bench.taking.errors[b"0"] = [MessageUnreadableError("garbage")]
    bench.put(b"0")

    async with bench.consuming():
        await until(lambda: bench.committed.get(ONE) == 1)

    assert (len(bench.rested), bench.letters.refusals) == (1, 0)


async def test_a_message_that_rests_and_comes_again_is_one_letter(bench: Bench) -> None:
    bench.put(b"0")
    for _ in range(2):
        bench.taking.errors[b"0"] = [MessageUnreadableError("garbage")]
        bench.topics.committed.clear()
        async with bench.consuming():
            await until(lambda: bench.committed.get(ONE) == 1)

    assert len(bench.rested) == 1


async def test_no_more_are_read_than_are_in_flight(bench: Bench) -> None:
    held = [str(number).encode() for number in range(9)]
    for value in held:
        bench.taking.held[value] = Event()
        bench.put(value, key=value)

    async with bench.consuming(terms=ConsumerTerms(in_flight=3, batch=2)):
        await until(lambda: len(bench.taking.begun) == 3)
        (reader,) = bench.topics.readers
        await until(lambda: reader.paused == set(reader.positions))
        assert len(bench.taking.begun) == 3
        for value in held:
            bench.taking.held[value].set()
        await until(lambda: len(bench.taking.taken) == 9)


async def test_nothing_is_read_while_there_is_no_room(bench: Bench) -> None:
    room = Event()
    bench.has_room = room.is_set
    async with bench.consuming():
        (reader,) = bench.topics.readers
        await until(lambda: bool(reader.paused))
        bench.put(b"0")
        await until(reader.rung.is_set)
        assert bench.taking.begun == []
        room.set()
        await until(lambda: bench.taking.taken == [b"0"])


async def test_what_waits_when_its_partition_is_lost_is_taken_by_who_has_it_then(
    bench: Bench,
) -> None:
    bench.blocked = Event()
    for key in (b"a", b"b"):
        bench.taking.errors[key] = [SessionBusyError("x")]
        bench.put(key, key=key)

    async with bench.consuming("one"):
        await until(lambda: bench.told.again == [f"{TOPIC} SESSION_BUSY"] * 2)
        async with bench.consuming("two"):
            # Nobody is let go on who waited: both began anew, here or there.
            await until(lambda: sum(bench.committed.values()) == 2)
            bench.blocked.set()

    assert sorted(bench.taking.taken) == [b"a", b"b"]


async def test_a_defect_behind_it_ends_a_consumer_that_has_committed_nothing_of_it(
    bench: Bench,
) -> None:
    bench.letters.defect = ValueError("no place for a letter")
    bench.taking.errors[b"1"] = [MessageUnreadableError("garbage")]
    bench.put(b"0", b"1")
    source = bench.topics.join((TOPIC,))

    with pytest.raises(ValueError, match="no place"):
        await bench.consume(source)()

    assert bench.committed.get(ONE, 0) <= 1
