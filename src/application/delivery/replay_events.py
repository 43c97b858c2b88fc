"""Publish events of a tenant once more."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, final

from application.delivery.ports.published import (
    Audits,
    EventPlace,
    PublishedEvents,
    PublishedFilter,
)
from application.delivery.ports.publisher import Envelopes, EventPublisher
from application.kernel.ports import Clock, IdentifierSource
from domain.delivery.dead_letter import Header
from domain.delivery.outgoing_event import OutgoingEvent
from domain.delivery.outgoing_message import OutgoingMessage, headers_of
from domain.delivery.topic import TOPIC_OF
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import EventId, RequestId

ACTION: Final = "operations:replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEventsCommand:
    """`actor` is the subject of who asks, `tenant` the slug of whose events they are.

    `topic` is empty for that of each type. `consumer` names the one reader they are meant for.
    """

    asked: PublishedFilter
    tenant: str
    actor: str
    request_id: RequestId
    limit: int
    after: EventPlace | None = None
    topic: str = ""
    consumer: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedEvents:
    """How many, and where the page ended; None where nothing comes after it."""

    count: int
    ended: EventPlace | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEvents:
    """The same envelopes under the same ids: who has seen them, drops them."""

    events: PublishedEvents
    audits: Audits
    publisher: EventPublisher
    envelopes: Envelopes
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: ReplayEventsCommand) -> ReplayedEvents:
        """Publish one page; of a key each event after the one before it was acknowledged.

        Raises:
            PublisherAwayError: Some may have been published; ask again under the same id.
            EventFailedError: As above.
            EventRefusedError: One cannot be published; those before it of its key were.
        """
        tenant_id = command.asked.tenant_id
        await self.audits.record(
            AuditRecorded(
                id=EventId(self.identifiers.next()),
                tenant_id=tenant_id,
                key=tenant_id,
                occurred_at=self.clock.now(),
                action=ACTION,
                subject=command.actor,
                resource=f"tenants/{command.tenant}",
            )
        )
        found = await self.events.page(command.asked, command.after, command.limit + 1)
        page = found[: command.limit]
        keys = [list(events) for _, events in groupby(page, key=lambda event: event.key)]
        await gather(*(self._publish(command, events) for events in keys))
        more = len(found) > len(page)
        return ReplayedEvents(
            len(page), EventPlace(page[-1].key, page[-1].sequence) if more else None
        )

    async def _publish(self, command: ReplayEventsCommand, events: Sequence[OutgoingEvent]) -> None:
        for event in events:
            await self.publisher.publish(
                OutgoingMessage(
                    topic=command.topic or TOPIC_OF[event.type].value,
                    key=event.key_name.encode(),
                    headers=(*headers_of(event), *_headers(command)),
                    value=self.envelopes(event),
                )
            )


def _headers(command: ReplayEventsCommand) -> Sequence[Header]:
    replay: Header = ("replay", command.request_id.encode())
    if not command.consumer:
        return (replay,)
    return (replay, ("replay-consumer", command.consumer.encode()))
