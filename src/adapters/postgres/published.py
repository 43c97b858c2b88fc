"""Published events, as long as the outbox keeps them, and audits by themselves, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

import sqlalchemy as sa
from psycopg.rows import scalar_row

from adapters.postgres.database import Database
from adapters.postgres.outgoing import FACTS, Outgoing
from adapters.postgres.tables.delivery import dead_letters
from adapters.postgres.tables.kernel import outbox
from application.delivery.ports.published import EventPlace, PublishedFilter
from domain.delivery.dead_letter import RELAY
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import EventId, TenantId

PATIENCE: Final = timedelta(seconds=5)
"""How long an audit waits for its tenant's row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    event_id: UUID
    tenant_id: UUID
    key_id: UUID
    sequence: int
    type: str
    version: int
    traceparent: str
    occurred_at: datetime
    payload: bytes
    slug: str | None

    def event(self) -> OutgoingEvent:
        return OutgoingEvent(
            id=EventId(self.event_id),
            tenant_id=TenantId(self.tenant_id),
            tenant=self.slug or "",
            key=self.key_id,
            sequence=self.sequence,
            type=self.type,
            version=self.version,
            traceparent=self.traceparent,
            occurred_at=self.occurred_at,
            payload=self.payload,
        )


_COLUMNS: Final = (
    *(outbox.c[name] for name in _Row.__slots__ if name != "slug"),
    sa.func.tenant_slug(outbox.c.tenant_id).label("slug"),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPublishedEvents:
    """A `PublishedEvents`."""

    database: Database

    async def page(
        self, asked: PublishedFilter, after: EventPlace | None, limit: int
    ) -> Sequence[OutgoingEvent]:
        async with self.database.tenant(asked.tenant_id) as connection:
            rows = (await connection.execute(page_of(asked, after, limit))).mappings().all()
        return [_Row(**row).event() for row in rows]

    async def was_set_aside(self, event: OutgoingEvent) -> bool:
        letter = sa.exists().where(
            dead_letters.c.tenant_id == event.tenant_id,
            dead_letters.c.source == RELAY,
            dead_letters.c.origin == str(event.id),
        )
        async with self.database.tenant(event.tenant_id) as connection:
            return (await connection.execute(sa.select(letter))).scalar_one()


def page_of(
    asked: PublishedFilter, after: EventPlace | None, limit: int
) -> "sa.Select[tuple[object, ...]]":
    """In the order of the index `outbox_published`: a page begins where the one before it ended.

    Of a short time the planner takes the events by the index `outbox_in_time`, and sorts them.
    """
    query: sa.Select[tuple[object, ...]] = (
        sa.select(*_COLUMNS)
        .where(outbox.c.tenant_id == asked.tenant_id, outbox.c.published_at.is_not(None))
        .order_by(outbox.c.key_id, outbox.c.sequence)
        .limit(limit)
    )
    if asked.key is not None:
        query = query.where(outbox.c.key_id == asked.key)
    if asked.type:
        query = query.where(outbox.c.type == asked.type)
    # The time of the commit is the database's; that of the event and its identifier a server's.
    if asked.since is not None:
        query = query.where(outbox.c.created_at >= asked.since)
    if asked.until is not None:
        query = query.where(outbox.c.created_at < asked.until)
    if after is not None:
        place = sa.tuple_(outbox.c.key_id, outbox.c.sequence)
        query = query.where(place > sa.tuple_(sa.literal(after.key), after.sequence))
    return query


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAudits:
    """An `Audits`."""

    database: Database
    outgoing: Outgoing

    async def record(self, audit: AuditRecorded) -> datetime:
        parameters: dict[str, object] = {
            "tenant": audit.tenant_id,
            "patience": PATIENCE,
            **self.outgoing.named([audit]),
        }
        async with self.database.writing() as connection, connection.transaction():
            await connection.execute(_LOCK, parameters)
            cursor = connection.cursor(row_factory=scalar_row)
            await cursor.execute(_PUBLISH, parameters)
            recorded: list[datetime] = await cursor.fetchall()
        return recorded[0]


_LOCK: Final = b"select lock_tenants(array[%(tenant)s]::uuid[], %(patience)s)"
_PUBLISH: Final = b"select now() from publish_facts(%(tenant)s, " + FACTS
