"""The built-in memory, and notes, in PostgreSQL."""

import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.database import Database, answering_storage
from adapters.postgres.link import Link
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.packing import int4, moment
from adapters.postgres.tables.memories import memories, notes
from application.memory.ports import Recalled, RememberText
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import InvocationId, MemoryId, SessionId, TenantId
from domain.memory.errors import MemoryNotFoundError
from domain.memory.events import MemoryForgotten
from domain.memory.note import Note
from domain.memory.recollection import MemoryKind, MemoryScope, Recollection

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

_RECALL: Final = "recall"
_STATEMENTS: Final = MappingProxyType(
    {
        _RECALL: "select memory_id, subject, session_id, text, kind, strength, source,"
        " text_digest, created_at, score from recall_memories($1, $2, $3, $4, $5)"
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    memory_id: UUID
    subject: str
    session_id: UUID | None
    text: str
    kind: str
    strength: float
    source: str
    text_digest: bytes
    created_at: datetime
    score: float

    def of(self, tenant_id: TenantId) -> Recollection:
        session = None if self.session_id is None else SessionId(self.session_id)
        return Recollection(
            id=MemoryId(self.memory_id),
            scope=MemoryScope(tenant_id, self.subject, session),
            text=self.text,
            kind=MemoryKind(self.kind),
            strength=self.strength,
            source=self.source,
            digest=self.text_digest,
            created_at=self.created_at,
            score=self.score,
        )


@final
@dataclass(frozen=True, slots=True)
class PostgresMemories:
    """A `MemoryStore` on full-text search. Recall is in every turn, and has a link of its own."""

    database: Database
    link: Link
    outgoing: Outgoing

    async def remember(self, command: RememberText) -> Recollection:
        """Keep a text; the stored one when the request was there before."""
        kept = command.recollection
        row = {
            "tenant_id": kept.scope.tenant_id,
            "memory_id": kept.id,
            "subject": kept.scope.subject,
            "session_id": kept.scope.session_id,
            "text": kept.text,
            "kind": kept.kind.value,
            "strength": kept.strength,
            "source": kept.source,
            "text_digest": kept.digest,
            "nonce": command.nonce,
            "request_id": command.request_id,
            "digest": command.digest,
            "created_at": kept.created_at,
        }
        earlier = sa.select(
            memories.c.memory_id,
            memories.c.subject,
            memories.c.session_id,
            memories.c.text,
            memories.c.kind,
            memories.c.strength,
            memories.c.source,
            memories.c.text_digest,
            memories.c.created_at,
            memories.c.digest,
            sa.literal(0.0).label("score"),
        ).where(
            memories.c.tenant_id == kept.scope.tenant_id,
            memories.c.request_id == command.request_id,
        )
        async with self.database.tenant(kept.scope.tenant_id) as connection:
            kept_now = await connection.execute(
                insert(memories)
                .values(row)
                .on_conflict_do_nothing(index_elements=("tenant_id", "request_id"))
                .returning(memories.c.memory_id)
            )
            if kept_now.first() is not None:
                await self.outgoing.announce(connection, [command.fact])
            found = dict((await connection.execute(earlier)).mappings().one())
        if found.pop("digest") != command.digest:
            raise IdempotencyKeyReusedError(command.request_id)
        return _Row(**found).of(kept.scope.tenant_id)

    async def recall(self, scope: MemoryScope, cue: str, limit: int) -> Recalled:
        """One round trip: the function reads the full-text index for the tenant it is given."""
        session = None if scope.session_id is None else scope.session_id.bytes
        call = (
            _RECALL,
            (scope.tenant_id.bytes, scope.subject.encode(), session, cue.encode(), int4(limit)),
        )
        with answering_storage():
            try:
                (result,) = await self.link.transact(call)
            except psycopg.OperationalError:
                (result,) = await self.link.transact(call)
        return Recalled(
            tuple(_recollection(scope.tenant_id, result, row) for row in range(result.ntuples))
        )

    async def forget(self, fact: MemoryForgotten) -> None:
        """Empty the row and keep its place, so that the same request remembers nothing again."""
        tenant_id, memory_id = fact.tenant_id, fact.memory_id
        theirs = sa.and_(memories.c.tenant_id == tenant_id, memories.c.memory_id == memory_id)
        destroyed = {
            "text": "",
            "nonce": None,
            "forgotten_at": sa.func.clock_timestamp(),
        }
        async with self.database.tenant(tenant_id) as connection:
            known = sa.select(memories.c.forgotten_at).where(theirs).with_for_update()
            found = (await connection.execute(known)).one_or_none()
            if found is None:
                raise MemoryNotFoundError(str(memory_id))
            if found.forgotten_at is None:
                await connection.execute(sa.update(memories).where(theirs).values(destroyed))
                await self.outgoing.announce(connection, [fact])


@asynccontextmanager
async def open_memories(database: Database, outgoing: Outgoing) -> AsyncGenerator[PostgresMemories]:
    """The memory with its link, which is made when it is first needed."""
    link = Link(database.connect_reader, _STATEMENTS, database.settings.statement_seconds)
    try:
        yield PostgresMemories(database, link, outgoing)
    finally:
        await link.close()


def _recollection(tenant_id: TenantId, result: "PGresult", row: int) -> Recollection:
    """A row of the function, in binary; only `session_id` may be null."""
    session = result.get_value(row, 2)
    memory, subject, text, kind, strength, source, digest, created, score = (
        result.get_value(row, column) or b"" for column in (0, 1, 3, 4, 5, 6, 7, 8, 9)
    )
    return Recollection(
        id=MemoryId(UUID(bytes=memory)),
        scope=MemoryScope(
            tenant_id,
            subject.decode(),
            None if session is None else SessionId(UUID(bytes=session)),
        ),
        text=text.decode(),
        kind=MemoryKind(kind.decode()),
        strength=_double(strength),
        source=source.decode(),
        digest=digest,
        created_at=moment(created),
        score=_double(score),
    )


def _double(value: bytes) -> float:
    number: float = struct.unpack(">d", value)[0]
    return number


@final
@dataclass(frozen=True, slots=True)
class PostgresNotes:
    """A `NoteStore`."""

    database: Database

    async def write(self, note: Note) -> Note:
        """Keep a note; the stored one when its id is there already."""
        row = {
            "tenant_id": note.tenant_id,
            "note_id": note.id,
            "subject": note.subject,
            "session_id": note.session_id,
            "text": note.text,
            "created_at": note.created_at,
        }
        async with self.database.tenant(note.tenant_id) as connection:
            await connection.execute(
                insert(notes)
                .values(row)
                .on_conflict_do_nothing(index_elements=("tenant_id", "note_id"))
            )
            kept = await connection.execute(
                _NOTES.where(notes.c.tenant_id == note.tenant_id, notes.c.note_id == note.id)
            )
            found = kept.mappings().one()
        return _Note(**dict(found)).of(note.tenant_id)

    async def notes(self, tenant_id: TenantId, subject: str, limit: int) -> Sequence[Note]:
        """The subject's notes, newest first."""
        asked = (
            _NOTES.where(notes.c.tenant_id == tenant_id, notes.c.subject == subject)
            .order_by(notes.c.note_id.desc())
            .limit(limit)
        )
        async with self.database.tenant(tenant_id) as connection:
            rows = (await connection.execute(asked)).mappings().all()
        return [_Note(**dict(row)).of(tenant_id) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    note_id: UUID
    subject: str
    session_id: UUID | None
    text: str
    created_at: datetime

    def of(self, tenant_id: TenantId) -> Note:
        return Note(
            id=InvocationId(self.note_id),
            tenant_id=tenant_id,
            subject=self.subject,
            session_id=None if self.session_id is None else SessionId(self.session_id),
            text=self.text,
            created_at=self.created_at,
        )


_NOTES: Final = sa.select(
    notes.c.note_id, notes.c.subject, notes.c.session_id, notes.c.text, notes.c.created_at
)
