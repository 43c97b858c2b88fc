"""What a reader of published messages finds: in this process, and on a real broker."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final
from uuid import uuid1

from confluent_kafka import Consumer, KafkaException, TopicPartition

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.publisher import ProducerTerms, open_publisher
from adapters.kafka.topics import TopicTerms, create_topics
from adapters.local.publisher import LocalPublisher
from application.delivery.ports.publisher import EventPublisher
from domain.delivery.outgoing_message import OutgoingMessage
from domain.delivery.topic import TOPIC_NAMES

PARTITIONS: Final = 3
PATIENCE: Final = 240.0


@dataclass(frozen=True, slots=True)
class Published:
    """A publisher, and what its readers find on a topic, in the order of each key."""

    publisher: EventPublisher
    read: Callable[[str], Awaitable[Sequence[OutgoingMessage]]]


@asynccontextmanager
async def published_here() -> AsyncGenerator[Published]:
    taken: list[OutgoingMessage] = []

    async def take(message: OutgoingMessage) -> None:
        taken.append(message)

    async def read(topic: str) -> Sequence[OutgoingMessage]:
        return [message for message in taken if message.topic == topic]

    yield Published(LocalPublisher((take,)), read)


def new_connection(bootstrap_servers: str) -> KafkaConnection:
    """A way to topics that nobody else has."""
    return KafkaConnection(bootstrap_servers=bootstrap_servers, topic_prefix=f"test.{uuid1().hex}.")


def make_topics(connection: KafkaConnection, replication: int = 1) -> list[str]:
    terms = TopicTerms(partitions=PARTITIONS, replication=replication)
    return create_topics(connection, terms, TOPIC_NAMES)


@asynccontextmanager
async def published_to(
    connection: KafkaConnection, terms: ProducerTerms
) -> AsyncGenerator[Published]:
    async def read(topic: str) -> Sequence[OutgoingMessage]:
        return messages_of(connection, topic)

    async with open_publisher(connection, terms) as publisher:
        yield Published(publisher, read)


def messages_of(connection: KafkaConnection, topic: str) -> list[OutgoingMessage]:
    """Everything that a topic holds by now, partition by partition."""
    name = connection.topic(topic)
    consumer = Consumer(connection.config() | {"group.id": "reader", "enable.auto.commit": False})
    places = [TopicPartition(name, number, 0) for number in range(PARTITIONS)]
    ends = [end_of(consumer, place) for place in places]
    consumer.assign(places)
    found: list[OutgoingMessage] = []
    until = monotonic() + PATIENCE
    while len(found) < sum(ends) and monotonic() < until:
        for message in consumer.consume(500, timeout=1.0):
            assert message.error() is None
            headers = message.headers() or []
            if isinstance(headers, dict):
                headers = list(headers.items())
            found.append(
                OutgoingMessage(
                    topic=topic,
                    key=message.key() or b"",
                    headers=tuple(
                        (key, value) for key, value in headers if isinstance(value, bytes)
                    ),
                    value=message.value() or b"",
                )
            )
    consumer.close()
    return found


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """The offset that the next message of a partition will have.

    One that was just made, or whose broker has come back just now, has no leader for a moment.

    Raises:
        KafkaException: It has had none for long.
    """
    until = monotonic() + PATIENCE
    while True:
        try:
            offsets: tuple[int, int] = consumer.get_watermark_offsets(place, timeout=PATIENCE)
        except KafkaException:
            if monotonic() > until:
                raise
        else:
            return offsets[1]
