"""The journal of effects in PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres import effect_statements as statements
from adapters.postgres.database import Database
from adapters.postgres.invocation_rows import InvocationRow
from adapters.postgres.outgoing import Outgoing
from application.tools.ports import LostCall, Outcome
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import IdempotencyKeyReusedError, RequestExpiredError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, ReservationId, StartId, TenantId
from domain.kernel.storable_text import check_storable
from domain.tools.errors import (
    ApprovalExpiredError,
    InvocationAlreadyDecidedError,
    InvocationNotFoundError,
)
from domain.tools.invocation import Invocation, InvocationState, Resolution

PATIENCE: Final = timedelta(seconds=5)
"""How long a call waits for its tenant's row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun(InvocationRow):
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started(InvocationRow):
    started: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolved(InvocationRow):
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
class _Found:
    tenant_id: UUID
    invocation_id: UUID


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEffectJournal:
    """Each call is one function, through the writer's login."""

    database: Database
    outgoing: Outgoing
    lease_seconds: float = 30.0

    async def begin(
        self,
        invocation: Invocation,
        request_id: str,
        digest: bytes,
        *,
        reservation_id: ReservationId | None = None,
        event: DomainEvent | None = None,
    ) -> Invocation:
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
            "slug": invocation.tenant,
            "session": invocation.session_id,
            "reservation": reservation_id,
            "capsule": invocation.capsule_version_id,
            "key": invocation.key_id,
            **self.outgoing.named([] if event is None else [event]),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Begun))
            await cursor.execute(statements.BEGIN, parameters)
            begun = await cursor.fetchone()
        if begun is None:
            raise RequestExpiredError(request_id)
        if begun.content != digest:
            raise IdempotencyKeyReusedError(request_id)
        return begun.invocation()

    async def start(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        start_id: StartId,
        reservation_id: ReservationId | None = None,
    ) -> Invocation:
        lease = timedelta(seconds=self.lease_seconds)
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Started))
            await cursor.execute(
                statements.START, (tenant_id, invocation_id, start_id, reservation_id, lease)
            )
            row = await cursor.fetchone()
        if row is None:
            raise InvocationNotFoundError(str(invocation_id))
        found = row.invocation()
        if not row.started:
            if found.state is InvocationState.PERMITTED:
                raise ApprovalExpiredError(str(invocation_id))
            raise InvocationAlreadyDecidedError(str(invocation_id), found.state.name)
        return found

    async def finish(self, outcome: Outcome) -> Invocation:
        check_storable("result", outcome.result)
        check_storable("reason", outcome.reason)
        billed = () if outcome.usage is None else (outcome.usage,)
        facts = (*outcome.outgoing, *billed)
        parameters: dict[str, object] = {
            "tenant": outcome.tenant_id,
            "patience": PATIENCE,
            "invocation": outcome.invocation_id,
            "fence": outcome.fence,
            "state": outcome.state.value,
            "result": outcome.result,
            "reason": outcome.reason,
            "metrics": [use.metric.code for use in outcome.uses],
            "amounts": [use.amount for use in outcome.uses],
            "prices": [use.price_version for use in outcome.uses],
            "billed": len(billed),
            **self.outgoing.named(facts),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Finished))
            sql = statements.END if facts or outcome.uses else statements.FINISH
            await cursor.execute(sql, parameters)
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
        events: Sequence[DomainEvent],
        expired: DomainEvent,
    ) -> tuple[Invocation, bool]:
        check_storable("by", by)
        parameters: dict[str, object] = {
            "tenant": tenant_id,
            "patience": PATIENCE,
            "invocation": invocation_id,
            "approved": approved,
            "by": by,
            **self.outgoing.named([*events, expired]),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Decided))
            await cursor.execute(statements.DECIDE, parameters)
            row = await cursor.fetchone()
        if row is None:
            raise InvocationNotFoundError(str(invocation_id))
        decided = row.invocation()
        if decided.state is InvocationState.EXPIRED:
            raise InvocationAlreadyDecidedError(str(invocation_id), decided.state.name)
        if not row.changed:
            decided.check_decision(approved=approved)
        return decided, row.may_resume

    async def renew(self, tenant_id: TenantId, invocation_id: InvocationId, fence: int) -> bool:
        lease = timedelta(seconds=self.lease_seconds)
        async with self.database.writing() as connection:
            done = await connection.execute(
                statements.RENEW, (tenant_id, invocation_id, fence, lease)
            )
            return await done.fetchone() == (True,)

    async def take_over(
        self, limit: int, here: Collection[InvocationId] = ()
    ) -> Sequence[LostCall]:
        lease = timedelta(seconds=self.lease_seconds)
        async with self.database.writing() as connection:
            looked = connection.cursor(row_factory=class_row(_Found))
            await looked.execute(statements.EXPIRED, (limit + len(here),))
            lost = [row for row in await looked.fetchall() if row.invocation_id not in here]
            tenants = [row.tenant_id for row in lost[:limit]]
            invocations = [row.invocation_id for row in lost[:limit]]
            cursor = connection.cursor(row_factory=class_row(InvocationRow))
            await cursor.execute(statements.TAKE, (tenants, invocations, lease))
            return [LostCall(row.invocation(), row.fence) for row in await cursor.fetchall()]

    async def stalled(self, limit: int) -> Sequence[Invocation]:
        async with self.database.writing() as connection:
            looked = connection.cursor(row_factory=class_row(_Found))
            await looked.execute(statements.STALLED, (limit, timedelta(seconds=self.lease_seconds)))
            found = await looked.fetchall()
            tenants = [row.tenant_id for row in found]
            invocations = [row.invocation_id for row in found]
            cursor = connection.cursor(row_factory=class_row(InvocationRow))
            await cursor.execute(statements.READ, (tenants, invocations))
            return [row.invocation() for row in await cursor.fetchall()]

    async def expire(self, call: Invocation, event: DomainEvent) -> bool:
        parameters: dict[str, object] = {
            "tenant": call.tenant_id,
            "patience": PATIENCE,
            "invocation": call.id,
            "state": call.state.value,
            "reason": ApprovalExpiredError.reason,
            **self.outgoing.named([event]),
        }
        async with self.database.writing() as connection:
            done = await connection.execute(statements.EXPIRE, parameters)
            return await done.fetchone() == (True,)

    async def deny(self, call: Invocation, reason: str, event: DomainEvent) -> Invocation:
        check_storable("reason", reason)
        parameters: dict[str, object] = {
            "tenant": call.tenant_id,
            "patience": PATIENCE,
            "invocation": call.id,
            "reason": reason,
            **self.outgoing.named([event]),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(InvocationRow))
            await cursor.execute(statements.DENY, parameters)
            row = await cursor.fetchone()
        if row is None:
            raise InvocationNotFoundError(str(call.id))
        return row.invocation()

    async def resolve(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        found: Resolution,
        events: Sequence[DomainEvent],
    ) -> Invocation:
        found.check_texts()
        parameters: dict[str, object] = {
            "tenant": tenant_id,
            "patience": PATIENCE,
            "invocation": invocation_id,
            "state": found.state.value,
            "result": found.result,
            "reason": found.reason,
            "note": found.note,
            "by": found.by,
            "at": found.at,
            **self.outgoing.named(events),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Resolved))
            await cursor.execute(statements.RESOLVE, parameters)
            row = await cursor.fetchone()
        if row is None:
            raise InvocationNotFoundError(str(invocation_id))
        invocation = row.invocation()
        return invocation if row.changed else invocation.resolve(found)
