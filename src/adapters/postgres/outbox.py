"""Outgoing events of all tenants in PostgreSQL, as the relays see them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import args_row, class_row, scalar_row

from adapters.postgres.database import Database
from application.delivery.ports.outbox import EACH, Backlog, HeldBucket, Place
from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import EventId, ServerId, TenantId

_REMEMBERED: Final = 10_000
"""Slugs of tenants that are kept; they never change."""


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
            cursor = connection.cursor(row_factory=args_row(self._event))
            due = await (await cursor.execute(_DUE, parameters, binary=True)).fetchall()
        unnamed = {event.tenant_id for event in due if not event.tenant}
        if unnamed:
            await self._name(unnamed)
            return [event if event.tenant else self._named(event) for event in due]
        return due

    async def mark_published(
        self, events: Sequence[OutgoingEvent], held: Sequence[HeldBucket]
    ) -> int:
        held_as: dict[int, list[int]] = defaultdict(list)
        for bucket in held:
            held_as[bucket.number].append(bucket.fence)
        # Sorted, so that two who mark the same events do not lock each other out.
        placed = [(event, event.bucket) for event in sorted(events, key=_place)]
        named = [(*one, fence) for one in placed for fence in held_as[one[1]]]
        if not named:
            return 0
        parameters = (
            [event.tenant_id for event, _, _ in named],
            [event.id for event, _, _ in named],
            [bucket for _, bucket, _ in named],
            [fence for _, _, fence in named],
        )
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

    def _event(  # noqa: PLR0913, PLR0917 - the columns of `due_events`, in their order
        self,
        tenant_id: UUID,
        event_id: UUID,
        key_id: UUID,
        sequence: int,
        kind: str,
        version: int,
        traceparent: str,
        payload: bytes,
        occurred_at: datetime,
    ) -> OutgoingEvent:
        """A row; its tenant has no slug where that is not known yet."""
        return OutgoingEvent(
            id=EventId(event_id),
            tenant_id=TenantId(tenant_id),
            tenant=self.slugs.get(tenant_id, ""),
            key=key_id,
            sequence=sequence,
            type=kind,
            version=version,
            traceparent=traceparent,
            occurred_at=occurred_at,
            payload=payload,
        )

    def _named(self, event: OutgoingEvent) -> OutgoingEvent:
        return replace(event, tenant=self.slugs.get(event.tenant_id, str(event.tenant_id)))

    async def _name(self, unknown: Collection[UUID]) -> None:
        """Learn the slugs of these tenants; one that is not registered has none."""
        if len(self.slugs) > _REMEMBERED:
            self.slugs.clear()
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Named))
            await cursor.execute(_NAME, (list(unknown),))
            self.slugs.update({row.tenant_id: row.slug for row in await cursor.fetchall()})


def _place(event: OutgoingEvent) -> tuple[int, int]:
    return event.tenant_id.int, event.id.int


_LEASE: Final = b"select * from lease_buckets(%s, %s)"
_LEAVE: Final = b"select leave_buckets(%s)"
_DUE: Final = b"select * from due_events(%s::integer[], %s::integer, %s, %s::integer, %s::integer)"
_MARK: Final = b"select mark_published(%b::uuid[], %b::uuid[], %b::smallint[], %b::bigint[])"
_SET_ASIDE: Final = b"""
select set_event_aside(%s::smallint, %s::bigint, %s, %s, %s, %s, %s, %s, %s::bytea, %s, %s::text[],
                       %s::bytea[], %s::bytea, %s::bigint, %s, %s, %s::timestamptz[], %s::text[])
"""
_BACKLOG: Final = b"select * from outbox_backlog(%s::integer)"
_NAME: Final = b"""
select t.tenant_id, tenant_slug(t.tenant_id) as slug
  from unnest(%s::uuid[]) t(tenant_id) where tenant_slug(t.tenant_id) is not null
"""
