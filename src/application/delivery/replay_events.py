"""Publish events of a tenant once more."""

from asyncio import TaskGroup
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final, final

from application.delivery.ports.published import (
    Audits,
    EventPlace,
    PublishedEvents,
    PublishedFilter,
)
from application.delivery.ports.publisher import Envelopes, EventPublisher
from application.delivery.sending import send_event
from application.kernel.ports import Clock, IdentifierSource
from domain.delivery.dead_letter import Header
from domain.delivery.errors import EventFailedError, EventRefusedError
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import EventId, RequestId

ACTION: Final = "operations:replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEventsCommand:
    """`actor` is the subject of who asks, `tenant` the slug of whose events they are.

    `topic` is empty for that of each type. `consumer` names the one reader they are meant for.
    A page after the first says with `begun` when the first was asked for.
    """

    asked: PublishedFilter
    tenant: str
    actor: str
    request_id: RequestId
    limit: int
    after: EventPlace | None = None
    begun: datetime | None = None
    topic: str = ""
    consumer: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedEvents:
    """How many were published and how many could not be; where the page ended, None at the last.

    `begun` is when the first page was asked for, by the clock of the database.
    """

    count: int
    refused: int
    ended: EventPlace | None
    begun: datetime


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEvents:
    """The same envelopes under the same ids: who has seen them, drops them.

    What is committed after the first page was asked for is not among them: each page is itself
    recorded as an event of the tenant, and would else be met by those after it.
    """

    events: PublishedEvents
    audits: Audits
    publisher: EventPublisher
    envelopes: Envelopes
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: ReplayEventsCommand) -> ReplayedEvents:
        """Publish one page; of a key each event after the one before it was acknowledged.

        One that is refused for itself, or fails and was set aside before, is left out: the others
        go on. Of a key nothing overtakes one that may pass later.

        Raises:
            PublisherAwayError: Some may have been published; ask again under the same id.
            EventFailedError: As above.
            StorageUnavailableError: As above.
        """
        tenant_id = command.asked.tenant_id
        recorded = await self.audits.record(
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
        begun = command.begun or recorded
        until = begun if command.asked.until is None else min(begun, command.asked.until)
        asked = replace(command.asked, until=until)
        found = await self.events.page(asked, command.after, command.limit + 1)
        page = found[: command.limit]
        keys = [list(events) for _, events in groupby(page, key=lambda event: event.key)]
        published = await self._publish_all(command, keys)
        more = len(found) > len(page)
        return ReplayedEvents(
            published,
            len(page) - published,
            EventPlace(page[-1].key, page[-1].sequence) if more else None,
            begun,
        )

    async def _publish_all(
        self, command: ReplayEventsCommand, keys: Sequence[Sequence[OutgoingEvent]]
    ) -> int:
        """How many; at the first failure nothing more is begun, whichever key it is of."""
        try:
            async with TaskGroup() as group:
                begun = [group.create_task(self._publish(command, events)) for events in keys]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return sum(task.result() for task in begun)

    async def _publish(self, command: ReplayEventsCommand, events: Sequence[OutgoingEvent]) -> int:
        published = 0
        for event in events:
            try:
                await send_event(
                    event, self.envelopes, self.publisher, command.topic, _headers(command)
                )
            except EventRefusedError:
                continue
            except EventFailedError:
                if not await self.events.was_set_aside(event):
                    raise
                continue
            published += 1
        return published


def _headers(command: ReplayEventsCommand) -> Sequence[Header]:
    replay: Header = ("replay", command.request_id.encode())
    if not command.consumer:
        return (replay,)
    return (replay, ("replay-consumer", command.consumer.encode()))
