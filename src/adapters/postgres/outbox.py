"""Outgoing events of all tenants in PostgreSQL, as the relays see them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from adapters.postgres.database import Database
from application.delivery.ports.outbox import EACH, Backlog, HeldBucket, Place
from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import EventId, ServerId, TenantId

_REMEMBERED: Final = 10_000
"""Slugs of tenants that are kept; they never change."""


@dataclass(frozen=True, slots=True)
class _Due:
    tenant_id: UUID
    event_id: UUID
    key_id: UUID
    sequence: int
    type: str
    version: int
    traceparent: str
    payload: bytes
    occurred_at: datetime

    def event(self, slug: str) -> OutgoingEvent:
        return OutgoingEvent(
            id=EventId(self.event_id),
            tenant_id=TenantId(self.tenant_id),
            tenant=slug,
            key=self.key_id,
            sequence=self.sequence,
            type=self.type,
            version=self.version,
            traceparent=self.traceparent,
            occurred_at=self.occurred_at,
            payload=self.payload,
        )


@dataclass(frozen=True, slots=True)
class _Held:
    bucket: int
    fence: int


@dataclass(frozen=True, slots=True)
class _Named:
    tenant_id: UUID
    slug: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresOutbox:
    """`Outbox`: one function each way. Relays of several processes share the work by leases."""

    database: Database
    slugs: dict[UUID, str] = field(default_factory=dict[UUID, str])

    async def lease(self, relay_id: ServerId, seconds: float) -> Sequence[HeldBucket]:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Held))
            await cursor.execute(_LEASE, (relay_id, timedelta(seconds=seconds)))
            return [HeldBucket(row.bucket, row.fence) for row in await cursor.fetchall()]

    async def leave(self, relay_id: ServerId) -> None:
        async with self.database.writing() as connection:
            await connection.execute(_LEAVE, (relay_id,))

    async def due(
        self, buckets: Sequence[int], after: Place | None, limit: int
    ) -> Sequence[OutgoingEvent]:
        place = Place(-1, UUID(int=0)) if after is None else after
        parameters = (list(buckets), place.bucket, place.key, EACH, limit)
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Due))
            rows = await (await cursor.execute(_DUE, parameters, binary=True)).fetchall()
        await self._name({row.tenant_id for row in rows})
        return [row.event(self.slugs.get(row.tenant_id, str(row.tenant_id))) for row in rows]

    async def mark_published(
        self, events: Sequence[OutgoingEvent], held: Sequence[HeldBucket]
    ) -> int:
        # Sorted, so that two who mark the same events do not lock each other out.
        held_as: dict[int, list[int]] = defaultdict(list)
        for bucket in held:
            held_as[bucket.number].append(bucket.fence)
        of_events = [(event.tenant_id, event.id, event.bucket) for event in events]
        named = sorted((*one, fence) for one in of_events for fence in held_as[one[2]])
        parameters = tuple([row[column] for row in named] for column in range(4))
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=scalar_row)
            marked: int | None = await (await cursor.execute(_MARK, parameters)).fetchone()
        return marked or 0

    async def set_aside(
        self, event: OutgoingEvent, held: HeldBucket, letter: DeadLetter, content: Content
    ) -> bool:
        parameters = (
            held.number,
            held.fence,
            event.tenant_id,
            event.id,
            letter.id,
            letter.source,
            letter.origin,
            letter.topic,
            letter.key,
            letter.type,
            [name for name, _ in content.headers],
            [value for _, value in content.headers],
            content.payload,
            letter.payload_bytes,
            letter.reason,
            letter.cause,
            [attempt.at for attempt in letter.attempts],
            [attempt.error for attempt in letter.attempts],
        )
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=scalar_row)
            aside: bool | None = await (await cursor.execute(_SET_ASIDE, parameters)).fetchone()
        return bool(aside)

    async def backlog(self, most: int) -> Backlog:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(Backlog))
            await cursor.execute(_BACKLOG, (most,))
            (found,) = await cursor.fetchall()
        return found

    async def _name(self, tenants: Iterable[UUID]) -> None:
        """Learn the slugs of these tenants; one that is not registered has none."""
        unknown = [tenant_id for tenant_id in tenants if tenant_id not in self.slugs]
        if not unknown:
            return
        if len(self.slugs) > _REMEMBERED:
            self.slugs.clear()
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Named))
            await cursor.execute(_NAME, (unknown,))
            self.slugs.update({row.tenant_id: row.slug for row in await cursor.fetchall()})


_LEASE: Final = b"select * from lease_buckets(%s, %s)"
_LEAVE: Final = b"select leave_buckets(%s)"
_DUE: Final = b"select * from due_events(%s::integer[], %s::integer, %s, %s::integer, %s::integer)"
_MARK: Final = b"select mark_published(%s::uuid[], %s::uuid[], %s::smallint[], %s::bigint[])"
_SET_ASIDE: Final = b"""
select set_event_aside(%s::smallint, %s::bigint, %s, %s, %s, %s, %s, %s, %s::bytea, %s, %s::text[],
                       %s::bytea[], %s::bytea, %s::bigint, %s, %s, %s::timestamptz[], %s::text[])
"""
_BACKLOG: Final = b"select * from outbox_backlog(%s::integer)"
_NAME: Final = b"""
select t.tenant_id, tenant_slug(t.tenant_id) as slug
  from unnest(%s::uuid[]) t(tenant_id) where tenant_slug(t.tenant_id) is not null
"""
