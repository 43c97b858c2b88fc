"""Sessions in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar, final
from uuid import UUID

import sqlalchemy as sa
from psycopg.rows import class_row

from adapters.postgres.batches import Outcome
from adapters.postgres.command_rows import text
from adapters.postgres.database import Database
from adapters.postgres.tables.turns import sessions
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import SessionBusyError, SessionNotFoundError
from domain.conversation.session import Busy, Session, SessionQueue
from domain.kernel.errors import EtagMismatchError, IdempotencyKeyReusedError
from domain.kernel.identifiers import SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey

_PATIENCE: Final = timedelta(seconds=5)

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class _Created:
    outcome: int
    known_session: UUID | None
    remaining: int | None


@dataclass(frozen=True, slots=True)
class _Deleted:
    outcome: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _SessionRow:
    session_id: UUID
    tenant_id: UUID
    capsule: str
    subject: str
    busy: int
    max_waiting: int
    created_at: datetime
    deleted_at: datetime | None
    open_turn: UUID | None
    waiting: list[UUID]

    def session(self) -> Session:
        return Session(
            id=SessionId(self.session_id),
            tenant_id=TenantId(self.tenant_id),
            capsule=self.capsule,
            subject=self.subject,
            busy=Busy(self.busy),
            max_waiting=self.max_waiting,
            created_at=self.created_at,
            deleted_at=self.deleted_at,
            queue=SessionQueue(
                None if self.open_turn is None else TurnId(self.open_turn),
                tuple(TurnId(turn) for turn in self.waiting),
            ),
        )


_COLUMNS: Final = tuple(sessions.c[name] for name in _SessionRow.__slots__)


@final
@dataclass(frozen=True, slots=True)
class PostgresSessions:
    """A `SessionStore`. An account without a limit for the metric sessions lets any number open."""

    database: Database

    async def create(self, session: Session, request: RequestKey) -> Session:
        for field, value in {"capsule": session.capsule, "subject": session.subject}.items():
            text(field, value)
        made = await self._ask(
            _Created,
            _CREATE,
            {
                "tenant": session.tenant_id,
                "session": session.id,
                "capsule": session.capsule,
                "subject": session.subject,
                "busy": session.busy.value,
                "max_waiting": session.max_waiting,
                "created": session.created_at,
            },
            request,
        )
        if made.outcome == Outcome.KEY_REUSED:
            raise IdempotencyKeyReusedError(request.request_id)
        if made.outcome == Outcome.OVER_LIMIT:
            raise BudgetExhaustedError(
                Metric.SESSIONS,
                account=str(session.tenant_id),
                asked=1,
                remaining=made.remaining or 0,
            )
        if made.known_session is not None:
            return await self.session(session.tenant_id, SessionId(made.known_session))
        return session

    async def session(self, tenant_id: TenantId, session_id: SessionId) -> Session:
        query = sa.select(*_COLUMNS).where(
            sessions.c.tenant_id == tenant_id, sessions.c.session_id == session_id
        )
        async with self.database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise SessionNotFoundError(str(session_id))
        return _SessionRow(**row).session()

    async def sessions(
        self, tenant_id: TenantId, *, deleted: bool, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        query = (
            sa.select(*_COLUMNS)
            .where(sessions.c.tenant_id == tenant_id)
            .order_by(sessions.c.session_id.desc())
            .limit(limit)
        )
        if not deleted:
            query = query.where(sessions.c.deleted_at.is_(None))
        if after is not None:
            query = query.where(sessions.c.session_id < after)
        async with self.database.tenant(tenant_id) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_SessionRow(**row).session() for row in rows]

    async def delete(
        self,
        tenant_id: TenantId,
        session_id: SessionId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
    ) -> Session:
        session = await self.session(tenant_id, session_id)
        if session.deleted_at is None and etag and etag != session.etag:
            raise EtagMismatchError(f"sessions/{session_id}")
        named: dict[str, object] = {"tenant": tenant_id, "session": session_id, "at": at}
        deleted = await self._ask(_Deleted, _DELETE, named, request)
        match deleted.outcome:
            case Outcome.KEY_REUSED:
                raise IdempotencyKeyReusedError(request.request_id)
            case Outcome.SESSION_BUSY:
                raise SessionBusyError(str(session_id))
            case _:
                return await self.session(tenant_id, session_id)

    async def _ask(
        self, kind: type[_Kind], sql: bytes, parameters: dict[str, object], request: RequestKey
    ) -> _Kind:
        parameters |= {
            "patience": _PATIENCE,
            "method": request.method,
            "request": request.request_id,
            "digest": request.digest,
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(kind))
            await cursor.execute(sql, parameters)
            (row,) = await cursor.fetchall()
        return row


_CREATE: Final = b"""
select * from create_session(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(session)s, %(capsule)s,
    %(subject)s, %(busy)s::smallint, %(max_waiting)s::integer, %(created)s, %(method)s, %(request)s,
    %(digest)s)
"""
_DELETE: Final = b"""
select delete_session(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(session)s, %(at)s,
    %(method)s, %(request)s, %(digest)s) as outcome
"""
