"""Brokers that tests of sources put messages into: in process memory, and Kafka."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# confluent-kafka does not say what its futures hold.

from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import uuid1

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.inmemory.messages import InMemoryTopics
from adapters.kafka.consumer import open_reader
from adapters.kafka.reader_settings import ReaderSettings
from application.delivery.ports.source import MessageSource
from tests.contract.unreadable import send_unreadable
from tests.plugins.kafka import KafkaBrokers

TOPIC: Final = "conversation.inbound"
PARTITIONS: Final = 2
PATIENCE_SECONDS: Final = 240.0
SESSION_SECONDS: Final = 20.0
"""A reader that a busy machine stops for less than this keeps its partitions."""
NAME_SECONDS: Final = 8.0
"""The same of a reader with a name, whose end is waited for."""


class Broker(Protocol):
    """What messages are put into, and who reads them as one group."""

    def put(self, key: bytes, value: bytes) -> None: ...

    def put_unreadable(self, key: bytes, value: bytes) -> None: ...

    def join(self, name: str = "") -> AbstractAsyncContextManager[MessageSource]: ...


@dataclass(frozen=True, slots=True)
class InProcess:
    topics: InMemoryTopics = field(default_factory=lambda: InMemoryTopics(partitions=PARTITIONS))

    def put(self, key: bytes, value: bytes) -> None:
        self.topics.put(TOPIC, key, value, (("type", b"x"),))

    def put_unreadable(self, key: bytes, value: bytes) -> None:
        self.topics.put(TOPIC, key, value, damage="its headers cannot be read")

    @asynccontextmanager
    async def join(self, name: str = "") -> AsyncGenerator[MessageSource]:
        source = self.topics.join((TOPIC,), name)
        yield source
        self.topics.leave(source)


@dataclass(frozen=True, slots=True)
class OnKafka:
    """The prefix is this test's own."""

    connection: Mapping[str, str | float | bool]
    prefix: str

    def put(self, key: bytes, value: bytes) -> None:
        producer = Producer({**self.connection, "acks": "all"})
        producer.produce(self.prefix + TOPIC, value, key, headers=[("type", b"x")])
        assert producer.flush(PATIENCE_SECONDS) == 0

    def put_unreadable(self, key: bytes, value: bytes) -> None:
        servers = str(self.connection["bootstrap.servers"])
        send_unreadable(servers, self.prefix + TOPIC, key, value)

    def join(
        self, name: str = "", silent_seconds: float = 60.0
    ) -> AbstractAsyncContextManager[MessageSource]:
        return open_reader(
            ReaderSettings(
                connection=self.connection,
                group="turns",
                topics=(TOPIC,),
                prefix=self.prefix,
                name=name,
                session_seconds=NAME_SECONDS if name else SESSION_SECONDS,
                silent_seconds=silent_seconds,
            )
        )


def kafka_with_topic(brokers: KafkaBrokers) -> OnKafka:
    connection: dict[str, str | float | bool] = {"bootstrap.servers": brokers.bootstrap_servers}
    prefix = f"t{uuid1().hex}."
    admin = AdminClient(connection)
    made: dict[str, Future[None]] = admin.create_topics([NewTopic(prefix + TOPIC, PARTITIONS, 1)])
    made[prefix + TOPIC].result(PATIENCE_SECONDS)
    return OnKafka(connection, prefix)
