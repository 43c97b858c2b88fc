"""What waits to be published, as the relays see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import ServerId


@dataclass(frozen=True, slots=True)
class HeldBucket:
    """A bucket that a relay has, and the number under which it has it: the next one has more."""

    number: int
    fence: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of events ended: behind all events of this key, in this bucket."""

    bucket: int
    key: UUID


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many events wait, counted up to a bound, and how long the oldest of those has waited."""

    events: int
    oldest_seconds: float


EACH: Final = 8
"""How many events of one key a page holds at most: they go out one after the other."""


class Outbox(Protocol):
    """Events of all tenants that were committed and not yet published."""

    async def lease(self, relay_id: ServerId, seconds: float) -> Sequence[HeldBucket]:
        """The buckets that this relay has from now on for so many seconds.

        They are its fair share among the relays that were here within their time: what it holds
        above that it gives back, what nobody holds it takes.

        Raises:
            StorageUnavailableError: What it has is not known; what it had, it has until its time.
        """
        ...

    async def leave(self, relay_id: ServerId) -> None:
        """Give everything back: this relay is one no longer."""
        ...

    async def due(
        self, buckets: Sequence[int], after: Place | None, limit: int
    ) -> Sequence[OutgoingEvent]:
        """Unpublished events behind a place: by bucket, key and sequence. Nothing is locked.

        Of each key come the first `EACH` at most, so that a page holds many keys.
        """
        ...

    async def mark_published(
        self, events: Sequence[OutgoingEvent], held: Sequence[HeldBucket]
    ) -> int:
        """Take events off that were acknowledged; how many.

        Those of a bucket that another relay has had since stay: it publishes them again, in order.
        """
        ...

    async def set_aside(
        self, event: OutgoingEvent, held: HeldBucket, letter: DeadLetter, content: Content
    ) -> bool:
        """Take an event off and let it rest as a dead letter, both or neither.

        False where the bucket is another relay's by now.
        """
        ...

    async def backlog(self, most: int) -> Backlog:
        """What waits, of all buckets, counted up to `most`."""
        ...
