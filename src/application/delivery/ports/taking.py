"""What is done with messages of other systems, and who is told what became of them."""

from dataclasses import dataclass
from typing import Protocol

from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.incoming_message import IncomingMessage, Partition
from domain.kernel.identifiers import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """Why a message was not taken, and whose it is: the platform's where nobody can tell.

    `error` is a refusal, or a defect. `type` is what the message says it is.
    """

    error: Exception
    tenant_id: TenantId
    tenant: str
    type: str


class TakeMessage(Protocol):
    async def __call__(self, message: IncomingMessage) -> NotTaken | None:
        """Do what a message asks for, once however often it comes; None when that is safe.

        It may be cancelled at any moment, and the message then comes again.
        """
        ...


class TellOfLetter(Protocol):
    async def __call__(self, letter: DeadLetter, content: Content) -> None:
        """Tell those who read the dead letters of a topic of one more. It never fails."""
        ...


class ConsumptionObserver(Protocol):
    """What counts messages; it never fails and never waits."""

    def taken(self, topic: str) -> None: ...

    def tried(self, topic: str, reason: str) -> None:
        """A message was not taken, and is tried again."""
        ...

    def rested(self, message: IncomingMessage, reason: str, error: Exception) -> None:
        """A message became a dead letter."""
        ...

    def gave_way(self, letters: int) -> None:
        """So many letters of unknown senders were deleted, for there were too many."""
        ...

    def lags(self, partition: Partition, messages: int, oldest_seconds: float) -> None:
        """So many messages stand after what was committed.

        The oldest of those that were read was written so long ago; 0 where none was, or as long as
        the database has not told the time.
        """
        ...

    def lost(self, partition: Partition) -> None:
        """A partition is another reader's now, and its lag too."""
        ...

    def fenced(self) -> None:
        """Another reader has this one's name; this one reads nothing while it has."""
        ...

    def unsure(self, error: Exception) -> None:
        """Whether the name of one that was fenced is free could not be asked; it is asked again."""
        ...

    def freed(self) -> None:
        """The name of one that was fenced is free: it reads again."""
        ...
