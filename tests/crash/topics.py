"""The topics of a laboratory: what is sent into them, and all that a reader finds there."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final
from uuid import uuid1

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.publisher import ProducerTerms, open_publisher
from adapters.kafka.topics import TopicTerms, create_topics
from application.delivery.ports.publisher import EventPublisher
from domain.delivery.errors import PublisherAwayError
from domain.delivery.outgoing_message import OutgoingMessage
from domain.delivery.topic import TOPIC_NAMES, Topic
from tests.contract.readers import end_of
from tests.crash.broker import Broker, reached
from tests.crash.line import Line

PARTITIONS: Final = 6
MOST_BYTES: Final = 100_000
"""What servers take of one message."""

GROUP: Final = "somagent"

PATIENCE_SECONDS: Final = 240.0
"""What a reader and a sender give a broker that was away."""

INBOUND: Final = (Topic.CONVERSATION_INBOUND.value, Topic.TOOL_REQUESTS.value)
"""What servers read; all the others they write."""

Place = tuple[str, int]
"""A topic, named without the run's prefix, and a partition of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A message as it lies in its topic."""

    topic: str
    partition: int
    offset: int
    written_at: int
    key: bytes
    headers: Mapping[str, bytes]
    value: bytes

    @property
    def origin(self) -> str:
        """By this name the service knows it, should it become a dead letter."""
        return f"{self.topic}/{self.partition}/{self.offset}@{self.written_at}"


@dataclass(slots=True, kw_only=True)
class Topics:
    """Topics that nobody else has, on brokers that others may use too."""

    broker: Broker
    connection: KafkaConnection
    publisher: EventPublisher
    line: Line | None
    _read_until: dict[Place, int] = field(default_factory=dict[Place, int])

    def settings(self, place: int) -> Mapping[str, object]:
        """What the server at a place is told. Its name in the group outlives it."""
        return {
            "kafka__bootstrap_servers": self.connection.bootstrap_servers,
            "kafka__topic_prefix": self.connection.topic_prefix,
            "kafka__delivery_seconds": 5,
            "kafka__consumers__enabled": True,
            "kafka__consumers__group": GROUP,
            "kafka__consumers__instance": f"place-{place}",
            "kafka__consumers__session_seconds": 6,
            "kafka__consumers__max_message_bytes": MOST_BYTES,
        }

    async def send(
        self, topic: str, key: str, value: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send until it was acknowledged: what was not may be there all the same.

        Raises:
            PublisherAwayError: The broker was away for longer than anybody waits.
        """
        message = OutgoingMessage(
            topic=topic,
            key=key.encode(),
            headers=tuple((name, text.encode()) for name, text in (headers or {}).items()),
            value=value,
        )
        until = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await self.publisher.publish(message)
            except PublisherAwayError:
                if monotonic() > until:
                    raise
                await asyncio.sleep(0.1)

    async def read(self) -> list[Found]:
        """What came into all topics since they were read last."""
        return await asyncio.to_thread(self._read)

    async def all_taken(self) -> bool:
        """Whether the servers' group is done with every message that was sent to it."""
        return await asyncio.to_thread(self._all_taken)

    def _read(self) -> list[Found]:
        consumer = self._consumer("laboratory")
        try:
            ends = {place: end_of(consumer, self._at(place)) for place in _places(TOPIC_NAMES)}
            left = {at for at, end in ends.items() if end > self._read_until.get(at, 0)}
            consumer.assign([self._at(place, self._read_until.get(place, 0)) for place in left])
            found, until = list[Found](), monotonic() + PATIENCE_SECONDS
            while left and monotonic() < until:
                for message in consumer.consume(1000, timeout=0.2):
                    if message.error() is None:
                        found.append(self._found(message))
                        at = (found[-1].topic, found[-1].partition)
                        self._read_until[at] = found[-1].offset + 1
                left = {at for at in left if self._read_until.get(at, 0) < ends[at]}
            if left:
                raise AssertionError(f"no broker gives what lies in {sorted(left)}")
            return found
        finally:
            consumer.close()

    def _all_taken(self) -> bool:
        consumer = self._consumer(GROUP)
        try:
            places = list(_places(INBOUND))
            asked = [self._at(place) for place in places]
            kept = consumer.committed(asked, PATIENCE_SECONDS)
            ends = [end_of(consumer, one) for one in asked]
        except KafkaException:
            return False
        else:
            return all(max(0, one.offset) >= end for one, end in zip(kept, ends, strict=True))
        finally:
            consumer.close()

    def _consumer(self, group: str) -> Consumer:
        named = {"group.id": self.connection.topic(group), "enable.auto.commit": False}
        return Consumer({**self.connection.config(), **named})

    def _at(self, place: Place, offset: int = 0) -> TopicPartition:
        topic, number = place
        return TopicPartition(self.connection.topic(topic), number, offset)

    def _found(self, message: Message) -> Found:
        headers = message.headers() or []
        pairs = headers.items() if isinstance(headers, dict) else headers
        return Found(
            topic=(message.topic() or "").removeprefix(self.connection.topic_prefix),
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            written_at=message.timestamp()[1],
            key=message.key() or b"",
            headers={name: value for name, value in pairs if isinstance(value, bytes)},
            value=message.value() or b"",
        )


def _places(topics: tuple[str, ...]) -> Iterator[Place]:
    return ((topic, number) for topic in topics for number in range(PARTITIONS))


@asynccontextmanager
async def topics_on(broker: Broker) -> AsyncGenerator[Topics]:
    """New topics on a broker that runs, and a way to it."""
    async with reached(broker) as line:
        connection = KafkaConnection(
            bootstrap_servers=await asyncio.to_thread(lambda: broker.brokers.bootstrap_servers),
            topic_prefix=f"crash.{uuid1().hex}.",
        )
        terms = TopicTerms(partitions=PARTITIONS, replication=1)
        await asyncio.to_thread(create_topics, connection, terms, TOPIC_NAMES, PATIENCE_SECONDS)
        async with open_publisher(connection, ProducerTerms(delivery_seconds=5)) as publisher:
            yield Topics(broker=broker, connection=connection, publisher=publisher, line=line)
