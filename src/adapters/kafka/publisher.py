"""Messages published to Apache Kafka, each acknowledged by all copies before it counts."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from logging import getLogger
from threading import Event, Thread
from typing import Final, TypeAlias, final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adapters.kafka.condition import condition_of
from adapters.kafka.connection import Config, KafkaConnection
from adapters.kafka.connection_trouble import ConnectionTrouble
from adapters.kafka.troubles import trouble_of
from application.delivery.ports.publisher import PublisherCondition
from domain.delivery.errors import PublisherAwayError
from domain.delivery.outgoing_message import OutgoingMessage

LOG: Final = getLogger("somagent.kafka")

_POLL_SECONDS: Final = 0.25
_CLOSE_SECONDS: Final = 5.0

_REST_SECONDS: Final = 1.0
"""Between a producer that ended and the next: a broker may refuse each of them at once."""

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
    """An `EventPublisher`. One thread hears what became of messages, and tells the loop in bulk.

    A producer that met a fatal error never sends again, which `poll` tells once: the hearing thread
    then fails what was under way and puts another in its place. That begins with new numbers.
    """

    def __init__(self, connection: KafkaConnection, terms: ProducerTerms) -> None:
        self._connection = connection
        self._trouble = ConnectionTrouble()
        self._config = {**connection.config(), **terms.config(), "error_cb": self._trouble}
        self._loop = asyncio.get_running_loop()
        self._heard: list[tuple[Acknowledgement, KafkaError | None]] = []
        self._underway: set[Acknowledgement] = set()
        self._problem = ""
        self._closing = Event()
        self._producer = Producer(self._config)
        self._hearer = Thread(
            target=self._hear, args=(self._producer,), name="kafka-publisher", daemon=True
        )
        self._hearer.start()

    async def publish(self, message: OutgoingMessage) -> None:
        if self._problem:
            raise PublisherAwayError(self._problem)
        topic = self._connection.topic(message.topic)
        acknowledged: Acknowledgement = self._loop.create_future()
        self._underway.add(acknowledged)
        try:
            self._producer.produce(
                topic,
                value=message.value,
                key=message.key,
                headers=list(message.headers),
                on_delivery=partial(self._take, acknowledged),
            )
            error = await acknowledged
        except BufferError as full:
            raise PublisherAwayError("messages wait for brokers that take none") from full
        except KafkaException as refused:
            raise trouble_of(_error_in(refused), topic, self._trouble) from refused
        finally:
            self._underway.discard(acknowledged)
        if error is not None:
            raise trouble_of(error, topic, self._trouble)
        self._trouble.is_over()

    async def condition(self) -> PublisherCondition:
        found = await asyncio.to_thread(condition_of, self._connection)
        return replace(found, problem=self._problem or found.problem)

    def close(self) -> None:
        """Send what waits, for a little while, and end. Blocks."""
        self._closing.set()
        self._hearer.join()

    def _take(self, acknowledged: Acknowledgement, error: KafkaError | None, _: Message) -> None:
        """Called in the hearing thread, within `poll` and `flush`."""
        self._heard.append((acknowledged, error))

    def _hear(self, producer: Producer) -> None:
        while not self._closing.is_set():
            try:
                producer.poll(_POLL_SECONDS)
            except KafkaException as fatal:
                producer = self._next_producer(producer, _error_in(fatal))
            else:
                self._tell_heard()
        with suppress(KafkaException):
            producer.flush(_CLOSE_SECONDS)
        self._tell_heard()
        # Nobody hears any more what becomes of the rest.
        self._problem = "the publisher was closed"
        self._in_loop(partial(self._give_up, KafkaError(KafkaError._DESTROY)))  # noqa: SLF001 - librdkafka's name of it

    def _next_producer(self, ended: Producer, why: KafkaError) -> Producer:
        """One that takes the place of one that ended; that one again if this publisher closes."""
        LOG.error("the producer ended, another takes its place: %s", why.str())
        self._problem = f"the producer ended: {why.str()}"
        with suppress(KafkaException):
            ended.purge()
            ended.flush(_POLL_SECONDS)
        # What failed, failed with the producer; what arrived before counts.
        self._heard = [(one, error and why) for one, error in self._heard]
        self._tell_heard()
        self._in_loop(partial(self._give_up, why))
        while not self._closing.wait(_REST_SECONDS):
            try:
                producer = Producer(self._config)
            except KafkaException as refused:
                LOG.warning("no producer can be made: %s", _error_in(refused).str())
            else:
                self._in_loop(partial(self._use, producer, why))
                return producer
        return ended

    def _tell_heard(self) -> None:
        if self._heard:
            heard, self._heard = self._heard, []
            self._in_loop(partial(_settle, heard))

    def _in_loop(self, work: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(work)

    def _use(self, producer: Producer, why: KafkaError) -> None:
        self._give_up(why)
        self._producer, self._problem = producer, ""

    def _give_up(self, why: KafkaError) -> None:
        _settle([(acknowledged, why) for acknowledged in self._underway])


def _settle(heard: list[tuple[Acknowledgement, KafkaError | None]]) -> None:
    for acknowledged, error in heard:
        if not acknowledged.done():
            acknowledged.set_result(error)


def _error_in(refused: KafkaException) -> KafkaError:
    error: object = refused.args[0]
    if isinstance(error, KafkaError):
        return error
    return KafkaError(KafkaError._FAIL, str(error))  # noqa: SLF001 - librdkafka's name of it
