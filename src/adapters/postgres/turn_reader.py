"""Reads of sessions and turns in PostgreSQL."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.rows import class_row

from adapters.postgres.command_rows import LARGEST
from adapters.postgres.database import Database, answering_storage
from adapters.postgres.invocation_rows import InvocationRow
from adapters.postgres.link import Link
from adapters.postgres.packing import elements, int4, integer, integers, moment
from adapters.postgres.tables.budget import overruns
from adapters.postgres.tables.tools import invocations
from adapters.postgres.tables.turns import (
    sessions,
    turn_events,
    turn_requests,
    turns,
)
from adapters.postgres.turn_codec import decode_checkpoint, decode_events
from adapters.postgres.turn_rows import TurnRow
from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.reading import Opening, UnreadableError
from domain.conversation.errors import SessionNotFoundError, TurnNotFoundError
from domain.conversation.message import Message, Role
from domain.conversation.session import Busy, Session, SessionQueue
from domain.conversation.turn import Turn
from domain.conversation.turn_event import TurnEvent
from domain.kernel.identifiers import SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.tools.invocation import Invocation

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

_OPENING: Final = "opening"
_STATEMENTS: Final = MappingProxyType({_OPENING: "select * from read_opening($1, $2, $3)"})


@dataclass(frozen=True, slots=True)
class _Stored:
    trace: bytes
    checkpoint: bytes
    last_written: int


@final
@dataclass(frozen=True, slots=True)
class PostgresTurnReader:
    """Reads under row-level security. What every turn begins with goes over a link of its own."""

    database: Database
    link: Link

    async def opening(self, tenant_id: TenantId, session_id: SessionId, messages: int) -> Opening:
        call = _OPENING, (tenant_id.bytes, session_id.bytes, int4(messages))
        with answering_storage():
            try:
                (result,) = await self.link.transact(call)
            except psycopg.OperationalError:
                (result,) = await self.link.transact(call)
        return _opening(tenant_id, session_id, result)

    async def accepted(
        self, tenant_id: TenantId, session_id: SessionId, request_id: str
    ) -> tuple[TurnId, bytes] | None:
        query = sa.select(turn_requests.c.turn_id, turn_requests.c.digest).where(
            turn_requests.c.tenant_id == tenant_id,
            turn_requests.c.session_id == session_id,
            turn_requests.c.request_id == request_id,
        )
        async with self.database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else (TurnId(row.turn_id), bytes(row.digest))

    async def turn(self, tenant_id: TenantId, turn_id: TurnId) -> Turn:
        return (await self._row(tenant_id, turn_id)).turn()

    async def outline(self, tenant_id: TenantId, turn_id: TurnId) -> Turn:
        row = await self._row(tenant_id, turn_id)
        tenant, subject = await self._owner(tenant_id, SessionId(row.session_id))
        return row.outline(tenant=tenant, subject=subject)

    async def turns(
        self, tenant_id: TenantId, session_id: SessionId, after: TurnId | None, limit: int
    ) -> Sequence[Turn]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(TurnRow))
            await cursor.execute(_PAGE, (tenant_id, session_id, after, limit))
            rows = await cursor.fetchall()
        try:
            return [row.turn() for row in rows]
        except UnreadableError:
            tenant, subject = await self._owner(tenant_id, session_id)
            return [_told(row, tenant, subject) for row in rows]

    async def events(
        self, tenant_id: TenantId, turn_id: TurnId, after: int, limit: int
    ) -> Sequence[TurnEvent]:
        rest = (
            turn_events.c.tenant_id == tenant_id,
            turn_events.c.turn_id == turn_id,
            turn_events.c.last_sequence > after,
        )
        # A batch holds many events: no more of them are read than the limit reaches into. The next
        # one may begin further up, after numbers that it covers.
        next_batch = sa.select(sa.func.min(turn_events.c.first_sequence)).where(*rest)
        reached = sa.func.greatest(min(after + limit, LARGEST), next_batch.scalar_subquery())
        query = (
            sa.select(turn_events.c.payload)
            .where(*rest, turn_events.c.first_sequence <= reached)
            .order_by(turn_events.c.first_sequence)
        )
        async with self.database.tenant(tenant_id) as connection:
            batches = (await connection.execute(query)).all()
        # A batch that was written after a lost answer may repeat events of the one before it.
        found: dict[int, TurnEvent] = {}
        for batch in batches:
            for event in decode_events(batch.payload):
                if event.sequence > after:
                    found.setdefault(event.sequence, event)
        return [found[sequence] for sequence in sorted(found)[:limit]]

    async def last_sequence(self, tenant_id: TenantId, turn_id: TurnId) -> int:
        return (await self._stored(tenant_id, turn_id)).last_written

    async def ceiling(self, tenant_id: TenantId, turn_id: TurnId) -> int:
        query = sa.select(turns.c.sequence_ceiling).where(
            turns.c.tenant_id == tenant_id, turns.c.turn_id == turn_id
        )
        async with self.database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise TurnNotFoundError(str(turn_id))
        return int(row.sequence_ceiling)

    async def trace(self, tenant_id: TenantId, turn_id: TurnId) -> bytes:
        return (await self._stored(tenant_id, turn_id)).trace

    async def overrun(self, tenant_id: TenantId, turn_id: TurnId) -> Mapping[Metric, int]:
        amount = sa.cast(sa.func.sum(overruns.c.amount), sa.BigInteger)
        query = (
            sa.select(overruns.c.metric, amount.label("amount"))
            .where(
                overruns.c.tenant_id == tenant_id,
                overruns.c.reference_id == turn_id,
                overruns.c.account_id == tenant_id,
            )
            .group_by(overruns.c.metric)
        )
        async with self.database.tenant(tenant_id) as connection:
            rows = (await connection.execute(query)).all()
        return {Metric.of(row.metric): int(row.amount) for row in rows}

    async def checkpoint(self, tenant_id: TenantId, turn_id: TurnId) -> Checkpoint:
        return decode_checkpoint((await self._stored(tenant_id, turn_id)).checkpoint)

    async def invocations(self, tenant_id: TenantId, turn_id: TurnId) -> Sequence[Invocation]:
        query = (
            sa.select(invocations)
            .where(invocations.c.tenant_id == tenant_id, invocations.c.turn_id == turn_id)
            .order_by(invocations.c.invocation_id)
        )
        async with self.database.tenant(tenant_id) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [InvocationRow(**row).invocation() for row in rows]

    async def _owner(self, tenant_id: TenantId, session_id: SessionId) -> tuple[str, str]:
        """The tenant's slug and the subject of its session."""
        query = sa.select(
            sessions.c.subject,
            sa.func.coalesce(sa.func.tenant_slug(tenant_id), "").label("tenant"),
        ).where(sessions.c.tenant_id == tenant_id, sessions.c.session_id == session_id)
        async with self.database.tenant(tenant_id) as connection:
            owner = (await connection.execute(query)).one()
        return owner.tenant, owner.subject

    async def _row(self, tenant_id: TenantId, turn_id: TurnId) -> TurnRow:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(TurnRow))
            await cursor.execute(_TURN, ([tenant_id], [turn_id]))
            row = await cursor.fetchone()
        if row is None:
            raise TurnNotFoundError(str(turn_id))
        return row

    async def _stored(self, tenant_id: TenantId, turn_id: TurnId) -> _Stored:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Stored))
            await cursor.execute(_STORED, (tenant_id, turn_id))
            row = await cursor.fetchone()
        if row is None:
            raise TurnNotFoundError(str(turn_id))
        return row


@asynccontextmanager
async def open_turn_reader(database: Database) -> AsyncGenerator[PostgresTurnReader]:
    """A reader with its link, which is made when it is first needed."""
    link = Link(database.connect_reader, _STATEMENTS, database.settings.link_seconds)
    try:
        yield PostgresTurnReader(database, link)
    finally:
        await link.close()


def _told(row: TurnRow, tenant: str, subject: str) -> Turn:
    try:
        return row.turn()
    except UnreadableError:
        return row.outline(tenant=tenant, subject=subject)


def _opening(tenant_id: TenantId, session_id: SessionId, result: "PGresult") -> Opening:
    capsule, subject, busy, most, created, opened, waiting, last, roles, contents = (
        result.get_value(0, column) for column in range(10)
    )
    if capsule is None or subject is None or busy is None or most is None or created is None:
        raise SessionNotFoundError(str(session_id))
    queue = SessionQueue(
        open_turn=None if opened is None else TurnId(UUID(bytes=opened)),
        waiting=tuple(TurnId(UUID(bytes=turn or b"")) for turn in elements(waiting)),
    )
    session = Session(
        id=session_id,
        tenant_id=tenant_id,
        capsule=capsule.decode(),
        subject=subject.decode(),
        busy=Busy(integer(busy)),
        max_waiting=integer(most),
        created_at=moment(created),
        queue=queue,
    )
    said = zip(integers(roles), elements(contents), strict=True)
    history = [Message(Role(role or 0), (text or b"").decode()) for role, text in said]
    return Opening(
        session=session, last_event=integer(last or b""), history=tuple(reversed(history))
    )


_STORED: Final = b"select * from read_stored(%s, %s)"
_TURN: Final = b"select * from read_turns(%s::uuid[], %s::uuid[])"
_PAGE: Final = b"select * from turn_page(%s, %s, %s::uuid, %s::integer)"
