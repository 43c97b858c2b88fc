"""A reader of a group on Apache Kafka."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from logging import getLogger
from operator import methodcaller
from time import monotonic
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
from adapters.kafka.reader_settings import ReaderSettings, reader_options
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
        read: list[IncomingMessage] = []
        lost = set[Partition]()
        until, left = monotonic() + seconds, seconds
        while len(read) < most and left >= 0:
            message = self._next(left)
            if gone := self.lost:
                # What came before they were lost comes again, to whoever has them then.
                read = [one for one in read if one.partition not in gone]
                lost |= gone
                self.lost = set()
            if message is not None:
                read.append(self._message(message))
            left = until - monotonic()
        # What came may have been fetched long ago: it does not say that a broker is there.
        self._tell_of_trouble(over=False)
        return Poll(messages=read, lost=frozenset(lost))

    def _next(self, seconds: float) -> Message | None:
        """The next message, of a partition that is this reader's when it comes; None for none."""
        try:
            message = self.consumer.poll(seconds)
        except KafkaException as failed:
            self._judge(_error_of(failed))
            return None
        if message is not None and (error := message.error()) is not None:
            self._judge(error)
            return None
        return message

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
    consumer = Consumer({**reader_options(settings), "error_cb": trouble})
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-reader")
    source = KafkaSource(consumer=consumer, thread=thread, settings=settings, trouble=trouble)
    try:
        source.subscribe()
        yield source
    finally:
        await source.close()


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
