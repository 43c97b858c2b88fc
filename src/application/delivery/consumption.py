"""What one reader of messages has begun and not ended."""

from asyncio import Task, create_task
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from domain.delivery.incoming_message import IncomingMessage, Partition

MOST_AHEAD: Final = 10_000
"""Messages done with behind one that is not, above which no more of their partition are read."""

LaneKey: TypeAlias = tuple[Partition, bytes]


@final
@dataclass(slots=True)
class PartitionProgress:
    """Offsets that were read, in their order, and those that are done with, in any.

    Below `position` everything is done with; it is -1 before anything is. `held_bytes` is the size
    of what is not done with.
    """

    read: deque[int] = field(default_factory=deque[int])
    done: set[int] = field(default_factory=set[int])
    position: int = -1
    held_bytes: int = 0

    @property
    def waiting(self) -> int:
        """Messages that were read and are not done with."""
        return len(self.read) - len(self.done)

    def began(self, offset: int, size: int) -> None:
        self.read.append(offset)
        self.held_bytes += size

    def ended(self, offset: int, size: int) -> None:
        self.held_bytes -= size
        self.done.add(offset)
        while self.read and self.read[0] in self.done:
            offset = self.read.popleft()
            self.done.discard(offset)
            self.position = offset + 1


@final
@dataclass(slots=True)
class Lane:
    """Messages of one key, of which the first is worked on, or `resting` until its next try."""

    queue: deque[IncomingMessage] = field(default_factory=deque[IncomingMessage])
    task: Task[None] | None = None
    resting: bool = False


Work: TypeAlias = Callable[[IncomingMessage, Lane], Coroutine[None, None, None]]
"""Does all that is to be done for the first message of a lane; it is done with at the return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What one partition may have read and not done with: so many messages, of so many bytes."""

    messages: int
    size: int

    def holds_up(self, one: PartitionProgress) -> bool:
        """Whether no more is to be read of a partition for now."""
        many = one.waiting >= self.messages or len(one.done) >= MOST_AHEAD
        return many or one.held_bytes >= self.size


@final
@dataclass(slots=True, kw_only=True)
class Consumption:
    """Messages by their lanes, and how far each partition is done with.

    `broken` is what no work may raise.
    """

    work: Work
    lanes: dict[LaneKey, Lane] = field(default_factory=dict[LaneKey, Lane])
    progress: dict[Partition, PartitionProgress] = field(
        default_factory=dict[Partition, PartitionProgress]
    )
    committed: dict[Partition, int] = field(default_factory=dict[Partition, int])
    broken: Exception | None = None

    @property
    def under_way(self) -> int:
        """Messages that are worked on: not those behind their own key, nor between two tries."""
        return sum(1 for lane in self.lanes.values() if not lane.resting)

    def held_up(self, backlog: Backlog) -> frozenset[Partition]:
        return frozenset(place for place, one in self.progress.items() if backlog.holds_up(one))

    def oldest(self) -> Mapping[Partition, int]:
        """When the oldest message of each partition was written of those not done with."""
        heads = [lane.queue[0] for lane in self.lanes.values() if lane.queue]
        oldest: dict[Partition, int] = {}
        for head in heads:
            if head.written_at:
                known = oldest.get(head.partition, head.written_at)
                oldest[head.partition] = min(known, head.written_at)
        return oldest

    def begin(self, message: IncomingMessage) -> None:
        """Put a message behind those of its key; one without a key is behind none."""
        place = message.partition
        self.progress.setdefault(place, PartitionProgress()).began(message.offset, message.size)
        key = message.key or message.offset.to_bytes(9)
        lane = self.lanes.setdefault((place, key), Lane())
        lane.queue.append(message)
        if lane.task is None:
            name = f"messages of {place.topic}/{place.number}"
            lane.task = create_task(self._drain((place, key), lane), name=name)

    def lose(self, partitions: Iterable[Partition]) -> None:
        """Forget what was read of partitions that are another reader's now: it reads that again."""
        lost = frozenset(partitions)
        for key in [key for key in self.lanes if key[0] in lost]:
            lane = self.lanes.pop(key)
            lane.queue.clear()
            if lane.task is not None:
                lane.task.cancel()
        for place in lost:
            self.progress.pop(place, None)
            self.committed.pop(place, None)

    def due(self) -> Mapping[Partition, int]:
        """The positions that are further than what was committed."""
        return {
            place: one.position
            for place, one in self.progress.items()
            if one.position > self.committed.get(place, -1)
        }

    def tasks(self) -> list[Task[None]]:
        return [lane.task for lane in self.lanes.values() if lane.task is not None]

    async def _drain(self, key: LaneKey, lane: Lane) -> None:
        while lane.queue:
            message = lane.queue[0]
            try:
                await self.work(message, lane)
            except Exception as error:
                self.broken = error
                raise
            # While the work ended the partition may have been lost, and the lane emptied with it.
            if not lane.queue:
                return
            lane.queue.popleft()
            self.progress[message.partition].ended(message.offset, message.size)
        self.lanes.pop(key, None)
