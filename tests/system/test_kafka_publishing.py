"""A real broker that is away, restarts, refuses: what happens to the events before it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# confluent-kafka does not say what its futures hold.

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from random import Random

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.publisher import KafkaPublisher, ProducerTerms, open_publisher
from adapters.protobuf.envelopes import envelope_of
from application.delivery.relay_events import RelayEvents
from domain.delivery.errors import EventRefusedError, PublisherAwayError
from domain.delivery.outgoing_message import OutgoingMessage
from somagent.events.v1 import events_pb2 as pb
from tests.contract.outboxes import ENCODE, ONE, Outgoings, inmemory_outgoings
from tests.contract.readers import PARTITIONS, make_topics, messages_of, new_connection
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.plugins.kafka import KafkaBrokers

pytestmark = pytest.mark.xdist_group("kafka")

TOPIC = "conversation.outbound"
PATIENCE = 240.0

PATIENT = ProducerTerms(delivery_seconds=60)
QUICK = ProducerTerms(delivery_seconds=3)
"""Gives a broker up soon that is not there: tests wait for it."""

DILIGENT = ProducerTerms(delivery_seconds=15)
"""Gives up a topic that is missing after a third of that, and a broker that is slow later."""

NOBODY = KafkaConnection(bootstrap_servers="127.0.0.1:9")


def message(value: bytes) -> OutgoingMessage:
    return OutgoingMessage(topic=TOPIC, key=b"a", headers=(), value=value)


@pytest.fixture
def connection(kafka: KafkaBrokers) -> KafkaConnection:
    return new_connection(kafka.bootstrap_servers)


@pytest.fixture
async def own_publisher(own_kafka: KafkaBrokers) -> AsyncGenerator[KafkaPublisher]:
    connection = new_connection(own_kafka.bootstrap_servers)
    make_topics(connection)
    async with open_publisher(connection, QUICK) as publisher:
        yield publisher


async def test_a_broker_that_is_not_there_is_away() -> None:
    async with open_publisher(NOBODY, QUICK) as publisher:
        with pytest.raises(PublisherAwayError):
            await publisher.publish(message(b"1"))
        assert "127.0.0.1:9" in (await publisher.condition()).problem


async def test_a_topic_that_is_missing_is_named_with_what_to_do(
    connection: KafkaConnection,
) -> None:
    async with open_publisher(connection, DILIGENT) as publisher, asyncio.timeout(PATIENCE):
        with pytest.raises(PublisherAwayError, match="somagent topics create") as away:
            await publisher.publish(message(b"1"))
        assert away.value.topic == connection.topic(TOPIC)
        while connection.topic(TOPIC) not in (await publisher.condition()).problem:
            pass  # it was not answered in the time that a look takes


async def test_a_message_that_this_service_may_not_send_is_refused(
    connection: KafkaConnection,
) -> None:
    make_topics(connection)
    async with open_publisher(connection, replace(PATIENT, max_message_bytes=1000)) as publisher:
        with pytest.raises(EventRefusedError, match="MSG_SIZE_TOO_LARGE"):
            await publisher.publish(message(bytes(2000)))


async def test_topics_are_made_once(connection: KafkaConnection) -> None:
    made = make_topics(connection)

    assert connection.topic(TOPIC) in made
    assert make_topics(connection) == []


async def test_events_go_on_after_a_restart_of_the_broker(
    own_kafka: KafkaBrokers, own_publisher: KafkaPublisher
) -> None:
    async with asyncio.timeout(PATIENCE):
        await published_at_last(own_publisher, message(b"before"))

    await asyncio.to_thread(own_kafka.kill)
    with pytest.raises(PublisherAwayError):
        await own_publisher.publish(message(b"meanwhile"))
    await asyncio.to_thread(own_kafka.start)

    async with asyncio.timeout(PATIENCE):
        await published_at_last(own_publisher, message(b"after"))


async def published_at_last(publisher: KafkaPublisher, message: OutgoingMessage) -> None:
    """Publish, again and again while the broker finds itself."""
    while True:
        try:
            return await publisher.publish(message)
        except PublisherAwayError:
            continue


async def test_what_a_topic_refuses_is_set_aside_and_its_key_goes_on(
    connection: KafkaConnection,
) -> None:
    make_bounded_topic(connection, 1000)
    make_topics(connection)
    clock = StoppedClock()
    outgoings = inmemory_outgoings(clock, lambda event: (ENCODE(event)[0], payload_of[event.key]))
    # What is compressed on its way must be too large all the same.
    noise = Random(1).randbytes(5000).hex()  # noqa: S311 - nothing secret
    payload_of = {outgoings.key("huge"): pb.TurnResumed(turn=noise).SerializeToString()}
    payload_of[outgoings.key("small")] = b""
    await outgoings.commit("huge", "huge", "small", "small")
    async with open_publisher(connection, PATIENT) as publisher:
        relay = relay_of(outgoings, publisher, clock)
        await until_empty(outgoings, relay, clock)

    arrived = [pb.Envelope.FromString(one.value) for one in messages_of(connection, TOPIC)]
    small = f"tenants/{outgoings.tenant_id}/sessions/{outgoings.key('small')}"
    assert [(one.key, one.sequence) for one in arrived] == [(small, 1), (small, 2)]
    assert len(await outgoings.resting()) == 2


def relay_of(outgoings: Outgoings, publisher: KafkaPublisher, clock: StoppedClock) -> RelayEvents:
    return RelayEvents(
        relay_id=ONE,
        outbox=outgoings.outbox,
        envelopes=envelope_of,
        publisher=publisher,
        clock=clock,
        identifiers=CountingIdentifiers("relay"),
        told=ignore,
    )


def ignore(_: str) -> None:
    """Nobody listens."""


async def until_empty(outgoings: Outgoings, relay: RelayEvents, clock: StoppedClock) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await outgoings.all_published():
            await relay()
            clock.advance(70)


def make_bounded_topic(connection: KafkaConnection, most: int) -> None:
    """Make the topic so that it takes no message of more bytes, whatever its producers believe.

    A bound that is set later is confirmed before the broker goes by it.
    """
    wanted = NewTopic(
        connection.topic(TOPIC),
        num_partitions=PARTITIONS,
        replication_factor=1,
        config={"max.message.bytes": str(most)},
    )
    admin = AdminClient(connection.config())
    for answer in admin.create_topics([wanted]).values():
        answer.result(PATIENCE)
