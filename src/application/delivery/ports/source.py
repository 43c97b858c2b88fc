"""Where messages of other systems come from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.delivery.incoming_message import IncomingMessage, Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What a poll brought: messages, and partitions that are this reader's no longer.

    What was read of a lost partition and not committed is given to another reader; this one may
    have it again later, and then begins at the first message that was not committed.
    """

    messages: Sequence[IncomingMessage] = ()
    lost: frozenset[Partition] = frozenset()


class MessageSource(Protocol):
    """One reader of a group that shares some topics: each partition is one reader's at a time.

    Asked by one task at a time.
    """

    async def poll(self, most: int, seconds: float) -> Poll:
        """Wait for messages, so long at most. One whose partition is paused does not come.

        A broker that is away gives nothing, and is waited for.

        Raises:
            SourceFencedError: Another reader has this one's name: nothing may be read any more.
        """
        ...

    async def commit(self, positions: Mapping[Partition, int]) -> Mapping[Partition, int]:
        """Keep for each partition the offset of the first message that is not done with.

        Answers those that are kept now. What cannot be kept now, or is this reader's no longer, is
        left: it may be committed again, or come again.

        Raises:
            SourceFencedError: Another reader has this one's name.
        """
        ...

    async def pause(self, partitions: Collection[Partition] | None = None) -> None:
        """Bring nothing more of these until `resume`, or of all that is this reader's now.

        They stay this one's. A partition that is lost and comes back is not paused any more.
        """
        ...

    async def resume(self, partitions: Collection[Partition] | None = None) -> None:
        """Bring these again, or all; of one that is not paused nothing changes."""
        ...

    async def lag(self) -> Mapping[Partition, int]:
        """How many messages of each of this reader's partitions stand after what it committed."""
        ...

    async def replaced(self) -> bool:
        """Whether another reader has this one's name now; true where nobody can tell.

        Asked of one that was fenced. A name is its last reader's until that one left for good, or
        was silent for the time of a session.
        """
        ...
