"""Turns of all tenants that nobody drives any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Database
from application.operations.ports import StuckTurn
from domain.kernel.identifiers import ServerId, SessionId, TenantId, TurnId


@dataclass(frozen=True, slots=True)
class _Row:
    tenant_id: UUID
    session_id: UUID
    turn_id: UUID
    owner_id: UUID
    fence: int
    accepted_at: datetime
    deadline_at: datetime
    lease_until: datetime
    slug: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStuckTurns:
    """Reads across tenants through functions that may; nothing is changed."""

    database: Database

    async def stuck(self, after: TurnId | None, limit: int) -> Sequence[StuckTurn]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Row))
            await cursor.execute(_STUCK, (after, limit))
            rows = await cursor.fetchall()
        return [
            StuckTurn(
                tenant_id=TenantId(row.tenant_id),
                tenant=row.slug,
                session_id=SessionId(row.session_id),
                turn_id=TurnId(row.turn_id),
                owner=ServerId(row.owner_id),
                fence=row.fence,
                accepted_at=row.accepted_at,
                deadline_at=row.deadline_at,
                lease_until=row.lease_until,
            )
            for row in rows
        ]


_STUCK: Final = b"""
select s.*, tenant_slug(s.tenant_id) as slug from stuck_turns(%s, %s::integer) s order by s.turn_id
"""
