"""Published events and audits of this process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import final

from application.delivery.ports.published import EventPlace, PublishedFilter
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import EventId


@final
@dataclass(slots=True)
class InMemoryPublishedEvents:
    """A `PublishedEvents`; those were committed when they occurred that are not in `committed`.

    Those in `aside` were set aside by a relay.
    """

    kept: list[OutgoingEvent] = field(default_factory=list[OutgoingEvent])
    committed: dict[EventId, datetime] = field(default_factory=dict[EventId, datetime])
    aside: set[EventId] = field(default_factory=set[EventId])

    async def page(
        self, asked: PublishedFilter, after: EventPlace | None, limit: int
    ) -> Sequence[OutgoingEvent]:
        found = sorted(
            (
                event
                for event in self.kept
                if _meant(asked, event, self.committed.get(event.id, event.occurred_at))
            ),
            key=lambda event: (event.key, event.sequence),
        )
        if after is not None:
            found = [one for one in found if (one.key, one.sequence) > (after.key, after.sequence)]
        return found[:limit]

    async def was_set_aside(self, event: OutgoingEvent) -> bool:
        return event.id in self.aside


@final
@dataclass(slots=True)
class InMemoryAudits:
    """An `Audits`."""

    recorded: list[AuditRecorded] = field(default_factory=list[AuditRecorded])

    async def record(self, audit: AuditRecorded) -> datetime:
        self.recorded.append(audit)
        return audit.occurred_at


def _meant(asked: PublishedFilter, event: OutgoingEvent, committed: datetime) -> bool:
    return (
        event.tenant_id == asked.tenant_id
        and (asked.key is None or event.key == asked.key)
        and (not asked.type or event.type == asked.type)
        and (asked.since is None or committed >= asked.since)
        and (asked.until is None or committed < asked.until)
    )
