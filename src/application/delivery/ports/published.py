"""Events that were published, as long as they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFilter:
    """Which events of a tenant; None and empty mean any. `since` is included, `until` is not.

    Times are those of the commits, by the clock of the database.
    """

    tenant_id: TenantId
    key: UUID | None = None
    type: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where a page of events ended: behind this one of its key."""

    key: UUID
    sequence: int


class PublishedEvents(Protocol):
    async def page(
        self, asked: PublishedFilter, after: EventPlace | None, limit: int
    ) -> Sequence[OutgoingEvent]:
        """Published events by key, and of a key in their order, behind a place."""
        ...

    async def was_set_aside(self, event: OutgoingEvent) -> bool:
        """Whether a relay gave it up: it has, or had, a dead letter instead of being published."""
        ...


class Audits(Protocol):
    async def record(self, audit: AuditRecorded) -> datetime:
        """Publish that something was done, in a transaction of its own.

        When that was, by the clock of the store: no later than the commit of the audit itself.
        """
        ...
