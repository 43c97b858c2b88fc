"""Leases of turns in PostgreSQL."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.batches import Outcome
from adapters.postgres.command_rows import event_batch
from adapters.postgres.database import Connection, Database
from adapters.postgres.interruptions import CEILING
from adapters.postgres.turn_rows import TurnRow
from application.conversation.ports.leases import (
    Abandoned,
    Driven,
    EventBatch,
    Promoted,
    Renewal,
    Unread,
)
from application.conversation.ports.reading import UnreadableError
from domain.conversation.interruption import MOST_TAKE_OVERS
from domain.conversation.turn import Turn
from domain.kernel.identifiers import ServerId, TenantId, TurnId


@dataclass(frozen=True, slots=True)
class _Renewed:
    outcomes: list[int] | None
    lease_ms: int


@dataclass(frozen=True, slots=True)
class _Appended:
    outcomes: list[int] | None


@dataclass(frozen=True, slots=True)
class _Taken:
    tenant_id: UUID
    turn_id: UUID
    fence: int
    ceiling: int
    lease_ms: int
    take_overs: int
    left_ms: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    tenant_id: UUID
    turn_id: UUID
    fence: int
    lease_ms: int
    left_ms: int


@dataclass(frozen=True, slots=True)
class _Named:
    tenant_id: UUID
    turn_id: UUID


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTurnLeases:
    """The leases of one server."""

    database: Database
    server_id: ServerId
    lease_seconds: float = 30.0

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        if not renewals:
            return []
        parameters = (
            timedelta(seconds=self.lease_seconds),
            [renewal.tenant_id for renewal in renewals],
            [renewal.turn_id for renewal in renewals],
            [renewal.fence for renewal in renewals],
            [renewal.ceiling for renewal in renewals],
        )
        async with self.database.keeping() as connection:
            cursor = connection.cursor(row_factory=class_row(_Renewed))
            await cursor.execute(_RENEW, parameters)
            (renewed,) = await cursor.fetchall()
        left: dict[int, float] = {
            Outcome.DONE: renewed.lease_ms / 1000,
            Outcome.AGAIN: 0.0,
        }
        return [left.get(outcome) for outcome in renewed.outcomes or ()]

    async def append(self, batches: Sequence[EventBatch]) -> Sequence[bool | None]:
        if not batches:
            return []
        encoded = [event_batch(batch.events) for batch in batches]
        parameters = (
            [batch.tenant_id for batch in batches],
            [batch.turn_id for batch in batches],
            [batch.fence for batch in batches],
            [first for first, _, _ in encoded],
            [last for _, last, _ in encoded],
            [events for _, _, events in encoded],
        )
        async with self.database.keeping() as connection:
            cursor = connection.cursor(row_factory=class_row(_Appended))
            await cursor.execute(_APPEND, parameters)
            (appended,) = await cursor.fetchall()
        written: dict[int, bool] = {Outcome.DONE: True, Outcome.AGAIN: False}
        return [written.get(outcome) for outcome in appended.outcomes or ()]

    async def hand_back(self, turns: Sequence[Driven]) -> None:
        if not turns:
            return
        parameters = (
            [turn.tenant_id for turn in turns],
            [turn.turn_id for turn in turns],
            [turn.fence for turn in turns],
        )
        async with self.database.keeping() as connection:
            await connection.execute(_HAND_BACK, parameters)

    async def take_over(self, limit: int) -> Sequence[Abandoned]:
        lease = timedelta(seconds=self.lease_seconds)
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Taken))
            await cursor.execute(
                _TAKE_OVER, (self.server_id, lease, CEILING, MOST_TAKE_OVERS, limit)
            )
            taken = {(row.tenant_id, row.turn_id): row for row in await cursor.fetchall()}
            rows = await _read(connection, sorted(taken))
        return [_abandoned(row, taken[row.tenant_id, row.turn_id]) for row in rows]

    async def promoted(self, limit: int) -> Sequence[Promoted]:
        async with self.database.writing() as connection:
            waiting = await self._waiting(connection, limit)
            rows = await _read(connection, list(waiting))
            # One may have been taken over before it was read: then its fence is another server's.
            mine = await self._waiting(connection, limit) if rows else waiting
        found: list[Promoted] = []
        for row in rows:
            still = mine.get((row.tenant_id, row.turn_id))
            if still is not None:
                with suppress(UnreadableError):
                    found.append(_promoted(row.turn(), still))
        return found

    async def decided(self, limit: int) -> Sequence[Turn | Unread]:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Named))
            await cursor.execute(_DECIDED, (limit,))
            named = [(row.tenant_id, row.turn_id) for row in await cursor.fetchall()]
            rows = await _read(connection, named)
        return [_decided(row) for row in rows]

    async def _waiting(
        self, connection: Connection, limit: int
    ) -> Mapping[tuple[UUID, UUID], _Waiting]:
        """This server's promoted turns that nobody drives yet."""
        cursor = connection.cursor(row_factory=class_row(_Waiting))
        await cursor.execute(_PROMOTED, (self.server_id, limit))
        return {(row.tenant_id, row.turn_id): row for row in await cursor.fetchall()}


def _abandoned(row: TurnRow, taken: _Taken) -> Abandoned:
    error: UnreadableError | None = None
    try:
        turn = row.turn()
    except UnreadableError as found:
        turn, error = row.outline(), found
    return Abandoned(
        # The row was read after the take-over: it may be another server's by then.
        turn=replace(turn, fence=taken.fence),
        error=error,
        last_written=row.last_written,
        ceiling=taken.ceiling,
        lease_seconds=taken.lease_ms / 1000,
        take_overs=taken.take_overs,
        seconds_left=taken.left_ms / 1000,
    )


def _promoted(turn: Turn, waiting: _Waiting) -> Promoted:
    return Promoted(
        turn=replace(turn, fence=waiting.fence),
        lease_seconds=waiting.lease_ms / 1000,
        seconds_left=waiting.left_ms / 1000,
    )


def _decided(row: TurnRow) -> Turn | Unread:
    try:
        return row.turn()
    except UnreadableError as error:
        return Unread(TenantId(row.tenant_id), TurnId(row.turn_id), error)


async def _read(connection: Connection, named: Sequence[tuple[UUID, UUID]]) -> Sequence[TurnRow]:
    if not named:
        return []
    cursor = connection.cursor(row_factory=class_row(TurnRow))
    await cursor.execute(_READ, ([tenant for tenant, _ in named], [turn for _, turn in named]))
    return await cursor.fetchall()


_RENEW: Final = (
    b"select * from renew_leases(%s, %s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[])"
)
_APPEND: Final = b"""
select append_events(
    %s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[]) as outcomes
"""
_HAND_BACK: Final = b"select hand_back_leases(%s::uuid[], %s::uuid[], %s::bigint[])"
_TAKE_OVER: Final = b"""
select tenant_id, turn_id, fence, ceiling, lease_ms, take_overs, left_ms
  from take_over_expired(%s, %s, %s, %s::integer, %s::integer)
"""
_PROMOTED: Final = b"""
select tenant_id, turn_id, fence, lease_ms, left_ms from promoted_turns(%s, %s::integer)
"""
_DECIDED: Final = b"select * from decided_turns(%s::integer)"
_READ: Final = b"select * from read_turns(%s::uuid[], %s::uuid[])"
