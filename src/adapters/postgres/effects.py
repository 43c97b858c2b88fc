"""Invocations in PostgreSQL: the journal of effects, and reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Database
from adapters.postgres.invocation_rows import InvocationRow
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.packing import microseconds
from application.tools.ports import Outcome
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, TenantId
from domain.kernel.storable_text import check_storable
from domain.tools.errors import InvocationAlreadyDecidedError, InvocationNotFoundError
from domain.tools.invocation import ABANDONED, Invocation, InvocationState

PATIENCE: Final = timedelta(seconds=5)
"""How long a call waits for its tenant's row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun(InvocationRow):
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started(InvocationRow):
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished(InvocationRow):
    state_before: int
    expected_fence: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided(InvocationRow):
    changed: bool
    may_resume: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expired:
    tenant_id: UUID
    invocation_id: UUID


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEffectJournal:
    """Each call is one function, through the writer's login."""

    database: Database
    outgoing: Outgoing
    lease_seconds: float = 300.0

    async def begin(self, invocation: Invocation, request_id: str, digest: bytes) -> Invocation:
        check_storable("request_id", request_id)
        invocation.check_texts()
        parameters: dict[str, object] = {
            "tenant": invocation.tenant_id,
            "patience": PATIENCE,
            "request": request_id,
            "content": digest,
            "lease": timedelta(seconds=self.lease_seconds),
            "invocation": invocation.id,
            "round": invocation.round,
            "call": invocation.call_id,
            "tool": invocation.tool,
            "arguments": invocation.arguments,
            "digest": invocation.digest,
            "effect": invocation.effect,
            "state": invocation.state.value,
            "permit": invocation.permit,
            "result": invocation.result,
            "reason": invocation.reason,
            "requested_by": invocation.requested_by,
            "expires_at": invocation.expires_at,
            "created_at": invocation.created_at,
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Begun))
            await cursor.execute(_BEGIN, parameters)
            (begun,) = await cursor.fetchall()
        if begun.content != digest:
            raise IdempotencyKeyReusedError(request_id)
        return begun.invocation()

    async def start(self, tenant_id: TenantId, invocation_id: InvocationId) -> Invocation:
        lease = timedelta(seconds=self.lease_seconds)
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Started))
            await cursor.execute(_START, (tenant_id, invocation_id, lease))
            row = await cursor.fetchone()
        if row is None:
            raise InvocationNotFoundError(str(invocation_id))
        if not row.changed:
            raise InvocationAlreadyDecidedError(str(invocation_id), row.invocation().state.name)
        return row.invocation()

    async def finish(self, outcome: Outcome) -> Invocation:
        check_storable("result", outcome.result)
        check_storable("reason", outcome.reason)
        parameters = (
            outcome.tenant_id,
            outcome.invocation_id,
            outcome.fence,
            outcome.state.value,
            outcome.result,
            outcome.reason,
        )
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Finished))
            await cursor.execute(_FINISH, parameters)
            row = await cursor.fetchone()
        if row is None:
            raise InvocationNotFoundError(str(outcome.invocation_id))
        if row.expected_fence != outcome.fence:
            raise StaleFenceError(str(row.turn_id or outcome.invocation_id))
        invocation = row.invocation()
        before = replace(invocation, state=InvocationState(row.state_before))
        before.end(outcome.state, result=outcome.result, reason=outcome.reason, at=row.created_at)
        return invocation

    async def decide(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        *,
        approved: bool,
        by: str,
        at: datetime,
        event: DomainEvent,
    ) -> tuple[Invocation, bool]:
        check_storable("by", by)
        kind, payload = self.outgoing.encode(event)
        parameters: dict[str, object] = {
            "tenant": tenant_id,
            "patience": PATIENCE,
            "invocation": invocation_id,
            "approved": approved,
            "by": by,
            "at": at,
            "event": event.id,
            "key": event.key,
            "type": kind,
            "trace": self.outgoing.traceparent(),
            "time": microseconds(event.occurred_at),
            "payload": payload,
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Decided))
            await cursor.execute(_DECIDE, parameters)
            row = await cursor.fetchone()
        if row is None:
            raise InvocationNotFoundError(str(invocation_id))
        decided = row.invocation()
        if decided.state is InvocationState.EXPIRED:
            raise InvocationAlreadyDecidedError(str(invocation_id), decided.state.name)
        if not row.changed:
            decided.decide(approved=approved, by=by, at=at, now=at)
        return decided, row.may_resume

    async def abandon_expired(self, limit: int) -> int:
        """Mark calls by themselves whose lease has run out as UNKNOWN; how many."""
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Expired))
            await cursor.execute(_EXPIRED, (limit,))
            expired = await cursor.fetchall()
            tenants = [row.tenant_id for row in expired]
            invocations = [row.invocation_id for row in expired]
            done = await connection.execute(_ABANDON, (tenants, invocations, ABANDONED))
            return sum(count for (count,) in await done.fetchall() if isinstance(count, int))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresInvocations:
    """Reads of one tenant's invocations, under row-level security."""

    database: Database

    async def invocation(self, tenant_id: TenantId, invocation_id: InvocationId) -> Invocation:
        found = await self._read(_PAGE, (tenant_id, invocation_id, None, None, 1))
        if not found:
            raise InvocationNotFoundError(str(invocation_id))
        return found[0]

    async def invocations(
        self,
        tenant_id: TenantId,
        *,
        state: InvocationState | None,
        after: InvocationId | None,
        limit: int,
    ) -> Sequence[Invocation]:
        number = None if state is None else state.value
        return await self._read(_PAGE, (tenant_id, None, number, after, limit))

    async def awaiting(
        self, tenant_id: TenantId, *, after: InvocationId | None, limit: int
    ) -> Sequence[Invocation]:
        return await self._read(_AWAITING, (tenant_id, after, limit))

    async def _read(self, sql: bytes, parameters: Sequence[object]) -> Sequence[Invocation]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(InvocationRow))
            await cursor.execute(sql, parameters)
            return [row.invocation() for row in await cursor.fetchall()]


_BEGIN: Final = b"""
select content, (invocation).* from begin_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(request)s, %(content)s,
    %(lease)s, %(invocation)s, %(round)s::integer, %(call)s, %(tool)s, %(arguments)s, %(digest)s,
    %(effect)s, %(state)s::smallint, %(permit)s, %(result)s, %(reason)s, %(requested_by)s,
    %(expires_at)s, %(created_at)s)
"""
_START: Final = b"select changed, (invocation).* from start_invocation(%s, %s, %s)"
_FINISH: Final = b"""
select expected_fence, state_before, (invocation).*
  from finish_invocation(%s, %s, %s::bigint, %s::smallint, %s, %s)
"""
_DECIDE: Final = b"""
select changed, may_resume, (invocation).* from decide_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(invocation)s,
    %(approved)s, %(by)s, %(at)s, %(event)s, %(key)s, %(type)s, %(trace)s, %(time)s::bigint,
    %(payload)s)
"""
_EXPIRED: Final = b"select tenant_id, invocation_id from expired_invocations(%s::integer)"
_ABANDON: Final = b"select abandon_invocations(%s::uuid[], %s::uuid[], %s)"
_PAGE: Final = b"""
select * from invocation_page(%s, %s::uuid, %s::smallint, %s::uuid, %s::integer)
"""
_AWAITING: Final = b"select * from awaiting_invocations(%s, %s::uuid, %s::integer)"
