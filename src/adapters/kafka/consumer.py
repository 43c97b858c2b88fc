"""A reader of a group on Apache Kafka."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from logging import getLogger
from operator import methodcaller
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar, final

from confluent_kafka import (
    OFFSET_INVALID,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from adapters.kafka.connection_trouble import ConnectionTrouble
from adapters.kafka.names import name_is_taken
from application.delivery.ports.source import Poll
from domain.delivery.dead_letter import Header
from domain.delivery.errors import SourceFencedError
from domain.delivery.incoming_message import IncomingMessage, Partition

LOG: Final = getLogger("somagent.kafka")

ANSWER_SECONDS: Final = 5.0
"""How long the broker is waited for where something is asked of it."""

_Headers: TypeAlias = list[tuple[str, str | bytes | None]] | dict[str, str | bytes | None] | None

_FENCED: Final = frozenset({KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL})  # noqa: SLF001 - that is its name in the library

_ASKED: Final[Callable[[Message], _Headers]] = methodcaller("headers")
"""Of headers that it cannot read the library answers a broken list and an error at once. Python
looks for an error behind an answer in calls that go this way; its own short ways hand on the list.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """Who reads what.

    `connection` is librdkafka's configuration of the connection alone. `name`, where not empty,
    stays the reader's over restarts (static membership): within `session_seconds` it gets back the
    partitions it had, and nothing moves. `most_bytes` bounds what is fetched of a partition ahead.
    One that lives and does not poll for `silent_seconds` loses its partitions: until then a group
    that is to share them anew waits for it.
    """

    connection: Mapping[str, str | float | bool]
    group: str
    topics: Sequence[str]
    prefix: str = ""
    name: str = ""
    session_seconds: float = 30.0
    silent_seconds: float = 60.0
    most_bytes: int = 4 * 1024 * 1024


@final
@dataclass(slots=True, kw_only=True)
class KafkaSource:
    """A `MessageSource`. The library blocks: one thread asks it, one thing after the other."""

    consumer: Consumer
    thread: ThreadPoolExecutor
    settings: ReaderSettings
    lost: set[Partition] = field(default_factory=set[Partition])
    paused: set[Partition] = field(default_factory=set[Partition])
    fenced: bool = False
    trouble: ConnectionTrouble
    told: bool = False

    async def poll(self, most: int, seconds: float) -> Poll:
        return await self._do(lambda: self._poll(most, seconds))

    async def commit(self, positions: Mapping[Partition, int]) -> Mapping[Partition, int]:
        return await self._do(lambda: self._commit(positions))

    async def pause(self, partitions: Collection[Partition] | None = None) -> None:
        await self._do(lambda: self._pause(partitions))

    async def resume(self, partitions: Collection[Partition] | None = None) -> None:
        await self._do(lambda: self._resume(partitions))

    async def lag(self) -> Mapping[Partition, int]:
        return await self._do(self._lag)

    async def replaced(self) -> bool:
        settings = self.settings
        group = settings.prefix + settings.group
        return await asyncio.to_thread(
            name_is_taken, settings.connection, group, settings.name, ANSWER_SECONDS
        )

    async def close(self) -> None:
        """Leave the group, save where the name is kept for the next who has it."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.thread, self.consumer.close)
        self.thread.shutdown(wait=False)

    def subscribe(self) -> None:
        """Join the group; what is gained and lost is told while polling."""
        topics = [self.settings.prefix + topic for topic in self.settings.topics]
        self.consumer.subscribe(topics, on_revoke=self._revoked, on_lost=self._revoked)

    async def _do(self, work: Callable[[], T]) -> T:
        if self.fenced:
            raise SourceFencedError(self.settings.name)
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    def _poll(self, most: int, seconds: float) -> Poll:
        try:
            came = self.consumer.consume(most, seconds)
        except KafkaException as failed:
            self._judge(_error_of(failed))
            came = []
        read: list[IncomingMessage] = []
        for message in came:
            error = message.error()
            if error is None:
                read.append(self._message(message))
            else:
                self._judge(error)
        # What came may have been fetched long ago: it does not say that a broker is there.
        self._tell_of_trouble(over=False)
        lost, self.lost = frozenset(self.lost), set()
        # What came of a partition before it was lost, in the same call, is another reader's.
        return Poll(messages=[one for one in read if one.partition not in lost], lost=lost)

    def _pause(self, partitions: Collection[Partition] | None) -> None:
        # What is paused already is left: to pause it again would cost what was fetched of others.
        own = {self._partition(one) for one in self.consumer.assignment()}
        meant = (own if partitions is None else own.intersection(partitions)) - self.paused
        if meant:
            self.consumer.pause([self._place(one) for one in meant])
            self.paused |= meant

    def _resume(self, partitions: Collection[Partition] | None) -> None:
        meant = self.paused if partitions is None else self.paused.intersection(partitions)
        if meant:
            self.consumer.resume([self._place(one) for one in meant])
            self.paused -= meant

    def _commit(self, positions: Mapping[Partition, int]) -> Mapping[Partition, int]:
        own = {self._partition(one) for one in self.consumer.assignment()} - self.lost
        offsets = [
            self._place(place, offset) for place, offset in positions.items() if place in own
        ]
        if not offsets:
            return {}
        try:
            answered = self.consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._judge(_error_of(error))
            return {}
        kept: dict[Partition, int] = {}
        for one in answered or ():
            if one.error is None:
                kept[self._partition(one)] = one.offset
            else:
                self._judge(one.error)
        self._tell_of_trouble(over=bool(kept))
        return kept

    def _lag(self) -> Mapping[Partition, int]:
        found: dict[Partition, int] = {}
        try:
            for one in self.consumer.committed(self.consumer.assignment(), ANSWER_SECONDS):
                low, high = self.consumer.get_watermark_offsets(one, ANSWER_SECONDS)
                begun = low if one.offset == OFFSET_INVALID else one.offset
                found[self._partition(one)] = max(0, high - begun)
        except KafkaException as error:
            self._judge(_error_of(error))
        else:
            self._tell_of_trouble(over=bool(found))
        return found

    def _judge(self, error: KafkaError) -> None:
        """Raises: SourceFencedError: That is what the error says; all others pass by waiting."""
        # Nothing else is fatal to a reader.
        if error.code() in _FENCED:
            self.fenced = True
            raise SourceFencedError(self.settings.name)
        LOG.warning("the broker says: %s", error.str())

    def _tell_of_trouble(self, *, over: bool) -> None:
        """Log once that no broker is reached, and why; again when one was reached meanwhile."""
        if over:
            self.trouble.is_over()
        down = self.trouble.down.is_set()
        if down and not self.told:
            LOG.warning("no message is read: %s", self.trouble.words)
        self.told = down

    def _revoked(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        gone = {self._partition(one) for one in partitions}
        if held := gone & self.paused:
            # Should one come back, it comes back unpaused.
            consumer.resume([self._place(one) for one in held])
            self.paused -= held
        self.lost |= gone
        consumer.incremental_unassign(list(partitions))

    def _place(self, one: Partition, offset: int = OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self.settings.prefix + one.topic, one.number, offset)

    def _partition(self, one: TopicPartition) -> Partition:
        return Partition(one.topic.removeprefix(self.settings.prefix), one.partition)

    def _message(self, message: Message) -> IncomingMessage:
        kind, at = message.timestamp()
        headers = _headers(message)
        return IncomingMessage(
            partition=Partition(
                (message.topic() or "").removeprefix(self.settings.prefix),
                message.partition() or 0,
            ),
            offset=message.offset() or 0,
            key=_bytes(message.key()),
            headers=headers or (),
            value=_bytes(message.value()),
            written_at=0 if kind == TIMESTAMP_NOT_AVAILABLE else at,
            damage="its headers cannot be read" if headers is None else "",
        )


@asynccontextmanager
async def open_reader(settings: ReaderSettings) -> AsyncGenerator[KafkaSource]:
    """A reader of a group, until the end of the block. A broker that is away is waited for."""
    trouble = ConnectionTrouble()
    consumer = Consumer({**_OPTIONS, **settings.connection, **_own(settings), "error_cb": trouble})
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-reader")
    source = KafkaSource(consumer=consumer, thread=thread, settings=settings, trouble=trouble)
    try:
        source.subscribe()
        yield source
    finally:
        await source.close()


_OPTIONS: Final[Mapping[str, str | float | bool]] = MappingProxyType(
    {
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "reconnect.backoff.max.ms": 5_000,
        "allow.auto.create.topics": False,
        "topic.metadata.refresh.interval.ms": 10_000,
    }
)


def _own(settings: ReaderSettings) -> Mapping[str, str | float | bool]:
    session = round(settings.session_seconds * 1000)
    own: dict[str, str | float | bool] = {
        "group.id": settings.prefix + settings.group,
        "session.timeout.ms": session,
        "heartbeat.interval.ms": max(100, session // 10),
        "max.poll.interval.ms": max(session, round(settings.silent_seconds * 1000)),
        "max.partition.fetch.bytes": settings.most_bytes,
        "queued.max.messages.kbytes": max(1024, 4 * settings.most_bytes // 1024),
    }
    if settings.name:
        own["group.instance.id"] = settings.name
    return own


def _error_of(error: KafkaException) -> KafkaError:
    found = error.args[0]
    return found if isinstance(found, KafkaError) else KafkaError(KafkaError.UNKNOWN)


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _headers(message: Message) -> tuple[Header, ...] | None:
    """None where the name of one is no UTF-8: the library then gives none of them."""
    try:
        found: _Headers = _ASKED(message)
    except SystemError:
        return None
    pairs = found.items() if isinstance(found, dict) else found or ()
    return tuple((str(name), _bytes(value)) for name, value in pairs)
