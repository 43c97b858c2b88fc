"""What is kept for a while only: request ids, ended reservations, settled dead letters."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Database

TENANTS: Final = 64
"""So many tenants are looked at in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTerms:
    """For how long things are kept, a day at the least.

    `requests` of mutations, of calls of tools and of cancellations; `reservations` after their end;
    `deleted_sessions` the request ids of messages in sessions, after these were deleted;
    `dead_letters` after they were replayed or discarded: those that rest are kept.
    """

    requests: timedelta = timedelta(hours=48)
    reservations: timedelta = timedelta(days=7)
    deleted_sessions: timedelta = timedelta(hours=48)
    dead_letters: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Dropped:
    last_tenant: UUID | None
    more: bool | None
    dropped: int | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresRetention:
    """A `Storage`. To be tended hourly, by any number of servers; one of them is at it at a time.

    At most `rows` of each table are deleted in one transaction.
    """

    database: Database
    terms: RetentionTerms
    rows: int = 1000

    async def tend(self) -> int:
        """Delete what was kept long enough, of one tenant after the other; how many rows."""
        rows = 0
        after: UUID | None = None
        while True:
            dropped = await self._next(after)
            if dropped.last_tenant is None:
                return rows
            rows += dropped.dropped or 0
            if not dropped.more:
                after = dropped.last_tenant

    async def _next(self, after: UUID | None) -> _Dropped:
        terms = self.terms
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Dropped))
            await cursor.execute(
                _DROP,
                (
                    after,
                    TENANTS,
                    self.rows,
                    terms.requests,
                    terms.reservations,
                    terms.deleted_sessions,
                    terms.dead_letters,
                ),
            )
            (dropped,) = await cursor.fetchall()
        return dropped


_DROP: Final = b"select * from drop_overdue(%s, %s::integer, %s::integer, %s, %s, %s, %s)"
