"""What every source of messages must honour; Kafka's is read from a real broker."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from application.delivery.ports.source import MessageSource
from domain.delivery.errors import SourceFencedError
from tests.contract.brokers import (
    PATIENCE_SECONDS,
    SESSION_SECONDS,
    TOPIC,
    Broker,
    InProcess,
    OnKafka,
    kafka_with_topic,
)
from tests.contract.group import done_with, lag_of, read, read_by_all, until_shared
from tests.plugins.kafka import KafkaBrokers
from tests.system.service import until


@pytest.fixture
def on_kafka(kafka: KafkaBrokers) -> OnKafka:
    return kafka_with_topic(kafka)


@pytest.fixture(params=["inmemory", "kafka"])
def broker(request: pytest.FixtureRequest) -> Broker:
    if request.param == "inmemory":
        return InProcess()
    opened: OnKafka = request.getfixturevalue("on_kafka")
    return opened


async def test_messages_of_a_key_come_in_their_order(broker: Broker) -> None:
    for number in range(6):
        broker.put(b"ab"[number % 2 : number % 2 + 1], str(number).encode())

    async with broker.join() as source:
        found = await read(source, 6)

    assert [one.value for one in found if one.key == b"a"] == [b"0", b"2", b"4"]
    assert [one.value for one in found if one.key == b"b"] == [b"1", b"3", b"5"]
    assert found[0].partition.topic == TOPIC
    assert found[0].headers == (("type", b"x"),)
    assert len({one.origin for one in found}) == 6


async def test_one_that_cannot_be_read_takes_none_of_the_others_with_it(broker: Broker) -> None:
    # By then the interpreter has shortened its ways for calls that it makes often.
    values = [str(number).encode() for number in range(40)]
    for value in values:
        put = broker.put_unreadable if value == b"38" else broker.put
        put(b"a", value)

    async with broker.join() as source:
        found = await read(source, len(values))

    assert [one.value for one in found] == values
    assert [(one.value, one.headers) for one in found if one.damage] == [(b"38", ())]


async def test_what_was_not_committed_comes_again(broker: Broker) -> None:
    for number in range(4):
        broker.put(b"a", str(number).encode())
    async with broker.join() as source:
        first = await read(source, 4)
        kept = await done_with(source, first[:2])
        assert kept == {first[1].partition: first[1].offset + 1}

    async with broker.join() as source:
        again = await read(source, 2)

    assert [one.value for one in again] == [b"2", b"3"]


async def test_nothing_comes_while_it_is_paused_and_all_of_it_after(broker: Broker) -> None:
    broker.put(b"a", b"0")
    async with broker.join() as source:
        await read(source, 1)
        await source.pause()
        broker.put(b"a", b"1")
        broker.put(b"a", b"2")

        assert not (await source.poll(10, 1.0)).messages

        await source.resume()
        assert [one.value for one in await read(source, 2)] == [b"1", b"2"]


async def test_one_partition_is_paused_while_another_goes_on(broker: Broker) -> None:
    for number in range(8):
        broker.put(str(number).encode(), b"0")
    async with broker.join() as source:
        # Where a key stands is the broker's own choice; of so many not all stand in one partition.
        keys = {one.partition: one.key for one in await read(source, 8)}
        (paused, quiet), (_, lively) = sorted(keys.items())
        await source.pause({paused})
        broker.put(quiet, b"1")
        broker.put(lively, b"1")

        assert [one.key for one in await read(source, 1)] == [lively]
        assert not (await source.poll(10, 1.0)).messages

        await source.resume({paused})
        assert [one.key for one in await read(source, 1)] == [quiet]


async def test_the_lag_is_what_stands_after_what_was_committed(broker: Broker) -> None:
    for number in range(3):
        broker.put(b"a", str(number).encode())

    async with broker.join() as source:
        found = await read(source, 3)
        await done_with(source, found[:1])

        assert sum((await lag_of(source)).values()) == 2


async def test_a_partition_is_one_readers_and_the_next_goes_on_where_it_was_left(
    broker: Broker,
) -> None:
    keys = [bytes([number]) for number in range(8)]
    async with broker.join() as first:
        for key in keys:
            broker.put(key, b"0")
        told = await read(first, 8)
        assert (await done_with(first, told)).keys() == {one.partition for one in told}
        async with broker.join() as second:
            shared = await until_shared(first, second)
            for key in keys:
                broker.put(key, b"1")
            found = await read_by_all((first, second), 8)
            assert sorted(one.key for one in found) == keys
            mine = [one for one in found if one.partition in shared.of_second]
            assert mine
            kept = await done_with(first, [one for one in found if one not in mine])
            assert kept.keys() == shared.of_first
        # The second has left and committed nothing: what it had comes to the first.
        again = await read(first, len(mine))

    assert sorted(one.origin for one in again) == sorted(one.origin for one in mine)


async def test_a_commit_of_what_was_lost_changes_nothing(broker: Broker) -> None:
    keys = [bytes([number]) for number in range(8)]
    for key in keys:
        broker.put(key, b"0")
    async with broker.join() as first:
        found = await read(first, 8)
        async with broker.join() as second:
            shared = await until_shared(first, second)
            kept = await done_with(first, found, partitions=1)
            assert kept.keys() == shared.of_first

            theirs = [one for one in found if one.partition in shared.of_second]
            again = list(shared.read_by_second)
            again += await read(second, len(theirs) - len(again))

    assert sorted(one.origin for one in again) == sorted(one.origin for one in theirs)


async def test_a_reader_that_lives_and_asks_no_more_holds_up_its_group_for_so_long(
    on_kafka: OnKafka,
) -> None:
    on_kafka.put(b"a", b"1")
    async with on_kafka.join(silent_seconds=SESSION_SECONDS) as silent:
        assert [one.value for one in await read(silent, 1)] == [b"1"]

        async with on_kafka.join() as other:
            assert [one.value for one in await read(other, 1)] == [b"1"]


async def test_what_a_reader_with_a_name_had_is_read_though_it_died_while_the_group_shared_anew(
    on_kafka: OnKafka,
) -> None:
    keys = [bytes([letter]) for letter in b"abcdefgh"]
    for key in keys:
        on_kafka.put(key, key)
    found = set[bytes]()

    async def reading(source: MessageSource) -> None:
        while len(found) < len(keys):
            found.update(one.value for one in (await source.poll(10, 0.5)).messages)

    dying = await dies_with(on_kafka, "one")
    async with on_kafka.join("two") as two, asyncio.timeout(PATIENCE_SECONDS):
        other = asyncio.create_task(reading(two))
        assert await dying.wait() == -signal.SIGKILL
        async with on_kafka.join("one") as one:
            await asyncio.gather(reading(one), other)

    assert found == set(keys)


async def dies_with(on_kafka: OnKafka, name: str) -> Process:
    """A process that has all partitions under a name, and dies when it is to give some away."""
    servers = str(on_kafka.connection["bootstrap.servers"])
    program = (sys.executable, "-m", "tests.contract.dying_reader")
    process = await asyncio.create_subprocess_exec(
        *program, servers, on_kafka.prefix, TOPIC, name, stdout=PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await process.stdout.readline() == b"2\n"
    return process


async def test_of_two_readers_of_one_name_the_first_is_fenced(broker: Broker) -> None:
    broker.put(b"a", b"0")
    async with broker.join("server-1") as first:
        await read(first, 1)
        async with broker.join("server-1") as second:
            assert await read(second, 1)

            with pytest.raises(SourceFencedError):
                await read(first, 2)
            with pytest.raises(SourceFencedError):
                await first.commit({})
            assert await first.replaced()


async def test_a_name_is_free_when_its_last_reader_is_gone(broker: Broker) -> None:
    async with broker.join("server-1") as first:
        broker.put(b"a", b"0")
        await read(first, 1)
        async with broker.join("server-1") as second:
            await read(second, 1)

        async def free() -> bool:
            return not await first.replaced()

        # A name is kept for who had it, for the time of a session.
        await until(free, PATIENCE_SECONDS)


async def test_a_name_counts_as_taken_where_nobody_can_tell(own_kafka: KafkaBrokers) -> None:
    broker = await asyncio.to_thread(kafka_with_topic, own_kafka)
    async with broker.join("server-1") as source:
        await asyncio.to_thread(own_kafka.stop)

        assert await source.replaced()
