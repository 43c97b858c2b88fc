"""Topics of this process and the groups that read them, the ports' plainest truth."""

from asyncio import Event, timeout
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import final

from application.delivery.ports.source import Poll
from domain.delivery.dead_letter import Header
from domain.delivery.errors import SourceFencedError
from domain.delivery.incoming_message import IncomingMessage, Partition


@final
@dataclass(slots=True, kw_only=True)
class InMemoryTopics:
    """Topics with so many partitions each; one group's offsets and readers.

    So many commits as `refusals` says are not kept, as by a broker that is away.
    """

    partitions: int = 2
    refusals: int = 0
    kept: dict[Partition, list[IncomingMessage]] = field(
        default_factory=dict[Partition, list[IncomingMessage]]
    )
    committed: dict[Partition, int] = field(default_factory=dict[Partition, int])
    readers: list["InMemorySource"] = field(default_factory=list["InMemorySource"])

    def put(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Sequence[Header] = (),
        written_at: int = 0,
        *,
        damage: str = "",
    ) -> None:
        """Append a message to the partition of its key."""
        number = sum(key) % self.partitions
        place = Partition(topic, number)
        there = self.kept.setdefault(place, [])
        there.append(
            IncomingMessage(
                partition=place,
                offset=len(there),
                key=key,
                headers=tuple(headers),
                value=value,
                written_at=written_at,
                damage=damage,
            )
        )
        for reader in self.readers:
            reader.rung.set()

    def join(self, topics: Sequence[str], name: str = "") -> "InMemorySource":
        """A new reader of the group; one of the same name before it is fenced."""
        for other in self.readers:
            other.fenced = other.fenced or bool(name and other.name == name)
        source = InMemorySource(topics=self, name=name, wanted=tuple(topics))
        self.readers = [other for other in self.readers if not other.fenced] + [source]
        self.share()
        return source

    def leave(self, source: "InMemorySource") -> None:
        self.readers = [other for other in self.readers if other is not source]
        self.share()

    def share(self) -> None:
        """Take what everybody has, and give each partition to one reader."""
        for reader in self.readers:
            reader.lose_all()
        wanted = {topic for reader in self.readers for topic in reader.wanted}
        for topic in sorted(wanted):
            for number in range(self.partitions):
                takers = [reader for reader in self.readers if topic in reader.wanted]
                takers[number % len(takers)].gain(Partition(topic, number))


@final
@dataclass(slots=True, kw_only=True)
class InMemorySource:
    """A `MessageSource`; `positions` are the offsets it reads next."""

    topics: InMemoryTopics
    name: str
    wanted: tuple[str, ...]
    positions: dict[Partition, int] = field(default_factory=dict[Partition, int])
    paused: set[Partition] = field(default_factory=set[Partition])
    lost: set[Partition] = field(default_factory=set[Partition])
    rung: Event = field(default_factory=Event)
    fenced: bool = False

    async def poll(self, most: int, seconds: float) -> Poll:
        self._check()
        if not (self.lost or self._waiting()):
            self.rung.clear()
            with suppress(TimeoutError):
                async with timeout(seconds):
                    await self.rung.wait()
            self._check()
        lost, self.lost = frozenset(self.lost), set()
        messages = self._waiting()[:most]
        for message in messages:
            self.positions[message.partition] = message.offset + 1
        return Poll(messages=messages, lost=lost)

    async def commit(self, positions: Mapping[Partition, int]) -> Mapping[Partition, int]:
        self._check()
        if positions and self.topics.refusals:
            self.topics.refusals -= 1
            return {}
        kept = {place: offset for place, offset in positions.items() if place in self.positions}
        self.topics.committed.update(kept)
        return kept

    async def pause(self, partitions: Collection[Partition] | None = None) -> None:
        own = set(self.positions)
        self.paused |= own if partitions is None else own.intersection(partitions)

    async def resume(self, partitions: Collection[Partition] | None = None) -> None:
        self.paused = set() if partitions is None else self.paused.difference(partitions)
        self.rung.set()

    async def lag(self) -> Mapping[Partition, int]:
        return {
            place: len(self.topics.kept.get(place, ())) - self.topics.committed.get(place, 0)
            for place in self.positions
        }

    async def replaced(self) -> bool:
        return any(one.name == self.name for one in self.topics.readers if one is not self)

    def gain(self, place: Partition) -> None:
        self.positions[place] = self.topics.committed.get(place, 0)
        self.rung.set()

    def lose_all(self) -> None:
        self.lost |= self.positions.keys()
        self.positions.clear()
        self.paused.clear()
        self.rung.set()

    def _waiting(self) -> list[IncomingMessage]:
        return [
            message
            for place, position in sorted(self.positions.items())
            if place not in self.paused
            for message in self.topics.kept.get(place, ())[position:]
        ]

    def _check(self) -> None:
        if self.fenced:
            raise SourceFencedError(self.name)
