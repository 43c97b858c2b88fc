"""Messages published to Apache Kafka, each acknowledged by all copies before it counts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread
from typing import Final, TypeAlias, final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adapters.kafka.condition import condition_of
from adapters.kafka.connection import Config, KafkaConnection
from adapters.kafka.troubles import trouble_of
from application.delivery.ports.publisher import PublisherCondition
from domain.delivery.errors import PublisherAwayError
from domain.delivery.outgoing_message import OutgoingMessage

_POLL_SECONDS: Final = 0.25
_CLOSE_SECONDS: Final = 5.0

Acknowledgement: TypeAlias = "asyncio.Future[KafkaError | None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerTerms:
    """How long a message may take to be acknowledged, in seconds, and its bytes at most."""

    delivery_seconds: float = 10.0
    max_message_bytes: int = 1_000_000

    def config(self) -> Config:
        return {
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": round(self.delivery_seconds * 1000),
            "message.max.bytes": self.max_message_bytes,
            # How brokers' own clients choose partitions, so that all agree on a key's.
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            # A broker weighs whole batches: in small ones a message that is too large has few
            # neighbours that are refused with it, once.
            "batch.size": 65_536,
            "linger.ms": 2,
            # A topic that was just made may be known late; one that is missing is named in time.
            "topic.metadata.propagation.max.ms": round(self.delivery_seconds * 333),
            # More than a relay has under way; so a full queue means that nothing leaves it.
            "queue.buffering.max.messages": 100_000,
        }


@asynccontextmanager
async def open_publisher(
    connection: KafkaConnection, terms: ProducerTerms
) -> AsyncGenerator["KafkaPublisher"]:
    """A publisher whose brokers need not be there yet."""
    publisher = KafkaPublisher(connection, terms)
    try:
        yield publisher
    finally:
        await asyncio.to_thread(publisher.close)


@final
class KafkaPublisher:
    """An `EventPublisher`. One thread hears what became of messages, and tells the loop in bulk."""

    def __init__(self, connection: KafkaConnection, terms: ProducerTerms) -> None:
        self._connection = connection
        self._config = connection.config() | terms.config()
        self._loop = asyncio.get_running_loop()
        self._heard: list[tuple[Acknowledgement, KafkaError | None]] = []
        self._closing = Event()
        self._producer = Producer(self._config)
        self._hearer = Thread(target=self._hear, name="kafka-publisher", daemon=True)
        self._hearer.start()

    async def publish(self, message: OutgoingMessage) -> None:
        topic = self._connection.topic(message.topic)
        acknowledged: Acknowledgement = self._loop.create_future()
        try:
            self._producer.produce(
                topic,
                value=message.value,
                key=message.key,
                headers=list(message.headers),
                on_delivery=partial(self._take, acknowledged),
            )
        except BufferError as full:
            raise PublisherAwayError("messages wait for brokers that take none") from full
        except KafkaException as refused:
            raise self._trouble(_error_in(refused), topic) from refused
        if (error := await acknowledged) is not None:
            raise self._trouble(error, topic)

    async def condition(self) -> PublisherCondition:
        return await asyncio.to_thread(condition_of, self._connection)

    def close(self) -> None:
        """Send what waits, for a little while, and end. Blocks."""
        self._producer.flush(_CLOSE_SECONDS)
        self._closing.set()
        self._hearer.join()

    def _trouble(self, error: KafkaError, topic: str) -> Exception:
        if error.fatal():
            # This producer will never send again; the next one begins with new numbers.
            self._producer = Producer(self._config)
        return trouble_of(error, topic)

    def _take(self, acknowledged: Acknowledgement, error: KafkaError | None, _: Message) -> None:
        """Called in the hearing thread, within `poll`."""
        self._heard.append((acknowledged, error))

    def _hear(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(_POLL_SECONDS)
            if self._heard:
                heard, self._heard = self._heard, []
                with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                    self._loop.call_soon_threadsafe(_settle, heard)


def _settle(heard: list[tuple[Acknowledgement, KafkaError | None]]) -> None:
    for acknowledged, error in heard:
        if not acknowledged.done():
            acknowledged.set_result(error)


def _error_in(refused: KafkaException) -> KafkaError:
    error: object = refused.args[0]
    if isinstance(error, KafkaError):
        return error
    return KafkaError(KafkaError._FAIL, str(error))  # noqa: SLF001 - librdkafka's name of it
