"""What servers tell each other about turns, through PostgreSQL's notifications."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from adapters.postgres.command_rows import text
from adapters.postgres.database import Database, answering_storage
from application.conversation.ports.signals import Signal, SignalKind
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import ServerId, TenantId, TurnId

_WATCH: Final = timedelta(seconds=15)
"""How long a watch is kept: a watcher says every second that it still watches."""

_RECONNECT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Watched:
    turn_id: UUID


@dataclass(frozen=True, slots=True)
class _Cancelled:
    turn_id: UUID
    requested_by: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTurnSignals:
    """The signals of one server: rows for what must not be lost, notifications for haste."""

    database: Database
    server_id: ServerId

    async def listen(self) -> AsyncIterator[Signal]:
        """Signals for this server; after each gap in the connection one of each kind for all."""
        while True:
            try:
                async with aclosing(self._heard()) as heard:
                    async for signal in heard:
                        yield signal
            except StorageUnavailableError:
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def watch(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        async with self.database.writing() as connection:
            parameters = (tenant_id, turn_id, self.server_id, _WATCH)
            await connection.execute(b"select watch_turn(%s, %s, %s, %s)", parameters)

    async def cancel(self, tenant_id: TenantId, turn_id: TurnId, by: str) -> None:
        text("by", by)
        async with self.database.writing() as connection:
            await connection.execute(b"select cancel_turn(%s, %s, %s)", (tenant_id, turn_id, by))

    async def written(self, turns: Sequence[tuple[TenantId, TurnId]]) -> None:
        if turns:
            async with self.database.keeping() as connection:
                await connection.execute(
                    b"select notify_watchers(%s, %s::uuid[], %s::uuid[])",
                    (self.server_id, *_columns(turns)),
                )

    async def promoted(self, turn_id: TurnId, owner: ServerId) -> None:
        async with self.database.writing() as connection:
            parameters = (owner, SignalKind.PROMOTED.value, turn_id)
            await connection.execute(b"select notify_server(%s, %s, %s)", parameters)

    async def cancellations(
        self, turns: Sequence[tuple[TenantId, TurnId]]
    ) -> Sequence[tuple[TurnId, str]]:
        if not turns:
            return []
        async with self.database.keeping() as connection:
            cursor = connection.cursor(row_factory=class_row(_Cancelled))
            await cursor.execute(_CANCELLED, _columns(turns))
            return [(TurnId(row.turn_id), row.requested_by) for row in await cursor.fetchall()]

    async def watched(self, turns: Sequence[tuple[TenantId, TurnId]]) -> Sequence[TurnId]:
        if not turns:
            return []
        async with self.database.keeping() as connection:
            cursor = connection.cursor(row_factory=class_row(_Watched))
            await cursor.execute(_WATCHED, (self.server_id, *_columns(turns)))
            return [TurnId(row.turn_id) for row in await cursor.fetchall()]

    async def _heard(self) -> AsyncGenerator[Signal]:
        with answering_storage():
            async with await self.database.connect_reader() as connection:
                channel = sql.Identifier(f"server_{self.server_id.hex}")
                await connection.execute(sql.SQL("listen {}").format(channel))
                for kind in SignalKind:
                    yield Signal(kind, None)
                async for notification in connection.notifies():
                    name, _, turn = notification.payload.partition(" ")
                    yield Signal(SignalKind(name), TurnId(UUID(turn)))


def _columns(turns: Sequence[tuple[TenantId, TurnId]]) -> tuple[list[TenantId], list[TurnId]]:
    return [tenant for tenant, _ in turns], [turn for _, turn in turns]


_CANCELLED: Final = b"select * from cancelled_turns(%s::uuid[], %s::uuid[])"
_WATCHED: Final = b"select * from watched_turns(%s, %s::uuid[], %s::uuid[])"
