"""What one reader of messages has begun and not ended."""

from asyncio import Task, create_task
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, final

from domain.delivery.incoming_message import IncomingMessage, Partition

LaneKey: TypeAlias = tuple[Partition, bytes]

Work: TypeAlias = Callable[[IncomingMessage], Coroutine[None, None, None]]
"""Does all that is to be done for one message; when it returns, the message is done with."""


@final
@dataclass(slots=True)
class PartitionProgress:
    """Offsets that were read, in their order, and those that are done with, in any.

    Below `position` everything is done with; it is -1 before anything is.
    """

    read: deque[int] = field(default_factory=deque[int])
    done: set[int] = field(default_factory=set[int])
    position: int = -1

    def began(self, offset: int) -> None:
        self.read.append(offset)

    def ended(self, offset: int) -> None:
        self.done.add(offset)
        while self.read and self.read[0] in self.done:
            offset = self.read.popleft()
            self.done.discard(offset)
            self.position = offset + 1


@final
@dataclass(slots=True)
class Lane:
    """Messages of one key, of which the first is worked on."""

    queue: deque[IncomingMessage] = field(default_factory=deque[IncomingMessage])
    task: Task[None] | None = None


@final
@dataclass(slots=True, kw_only=True)
class Consumption:
    """Messages by their lanes, and how far each partition is done with.

    `waiting` counts messages that were read and are not done with, `ahead` those that are done with
    behind one that is not: they would come again after a crash. `broken` is what no work may raise.
    """

    work: Work
    lanes: dict[LaneKey, Lane] = field(default_factory=dict[LaneKey, Lane])
    progress: dict[Partition, PartitionProgress] = field(
        default_factory=dict[Partition, PartitionProgress]
    )
    committed: dict[Partition, int] = field(default_factory=dict[Partition, int])
    waiting: int = 0
    broken: Exception | None = None

    @property
    def ahead(self) -> int:
        return sum(len(one.done) for one in self.progress.values())

    def begin(self, message: IncomingMessage) -> None:
        """Put a message behind those of its key; one without a key is behind none."""
        place = message.partition
        self.progress.setdefault(place, PartitionProgress()).began(message.offset)
        key = message.key or message.offset.to_bytes(9)
        lane = self.lanes.setdefault((place, key), Lane())
        lane.queue.append(message)
        self.waiting += 1
        if lane.task is None:
            name = f"messages of {place.topic}/{place.number}"
            lane.task = create_task(self._drain((place, key), lane), name=name)

    def lose(self, partitions: Iterable[Partition]) -> None:
        """Forget what was read of partitions that are another reader's now: it reads that again."""
        lost = frozenset(partitions)
        for key in [key for key in self.lanes if key[0] in lost]:
            lane = self.lanes.pop(key)
            self.waiting -= len(lane.queue)
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
                await self.work(message)
            except Exception as error:
                self.broken = error
                raise
            # While the work ended the partition may have been lost, and the lane emptied with it.
            if not lane.queue:
                return
            lane.queue.popleft()
            self.waiting -= 1
            self.progress[message.partition].ended(message.offset)
        self.lanes.pop(key, None)
