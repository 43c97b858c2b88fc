"""Invocations in process memory: the journal of effects, and reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import final

from adapters.inmemory.store import InMemoryStore, StoredInvocation
from application.kernel.ports import Clock
from application.tools.ports import Outcome
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, TenantId, TurnId
from domain.kernel.storable_text import check_storable
from domain.tools.errors import InvocationAlreadyDecidedError, InvocationNotFoundError
from domain.tools.invocation import ABANDONED, Invocation, InvocationState


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryEffectJournal:
    store: InMemoryStore
    clock: Clock
    lease_seconds: float = 300.0

    async def begin(self, invocation: Invocation, request_id: str, digest: bytes) -> Invocation:
        check_storable("request_id", request_id)
        invocation.check_texts()
        key = invocation.tenant_id, request_id
        if known := self.store.invocation_requests.get(key):
            if known[0] != digest:
                raise IdempotencyKeyReusedError(request_id)
            return self._found(invocation.tenant_id, known[1]).invocation

        self.store.invocation_requests[key] = digest, invocation.id
        started = invocation.state is InvocationState.STARTED
        lease = self._lease() if started else None
        return self._keep(StoredInvocation(invocation=invocation, lease_until=lease))

    async def start(self, tenant_id: TenantId, invocation_id: InvocationId) -> Invocation:
        stored = self._found(tenant_id, invocation_id)
        if stored.invocation.turn_id is not None:
            raise InvocationNotFoundError(str(invocation_id))
        started = stored.invocation.start()

        return self._keep(replace(stored, invocation=started, lease_until=self._lease()))

    async def finish(self, outcome: Outcome) -> Invocation:
        check_storable("result", outcome.result)
        check_storable("reason", outcome.reason)
        stored = self._found(outcome.tenant_id, outcome.invocation_id)
        if self._fence(stored) != outcome.fence:
            raise StaleFenceError(str(stored.invocation.turn_id or outcome.invocation_id))
        ended = stored.invocation.end(
            outcome.state, result=outcome.result, reason=outcome.reason, at=self.clock.now()
        )

        return self._keep(replace(stored, invocation=ended, lease_until=None))

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
        stored = self._found(tenant_id, invocation_id)
        now = self.clock.now()
        decided = stored.invocation.decide(approved=approved, by=by, at=at, now=now)

        self._keep(replace(stored, invocation=decided))
        if decided.state is InvocationState.EXPIRED:
            raise InvocationAlreadyDecidedError(str(invocation_id), decided.state.name)
        if decided != stored.invocation:
            self.store.publish(event)
        return decided, self._may_resume(tenant_id, decided.turn_id)

    async def abandon_expired(self, limit: int) -> int:
        """Mark calls by themselves whose lease has run out as UNKNOWN; how many."""
        now = self.clock.monotonic()
        expired = [
            stored
            for _, stored in sorted(self.store.invocations.items())
            if stored.lease_until is not None and stored.lease_until < now
        ]
        for stored in expired[:limit]:
            ended = stored.invocation.end(
                InvocationState.UNKNOWN, result="", reason=ABANDONED, at=self.clock.now()
            )
            self._keep(replace(stored, invocation=ended, lease_until=None))
        return len(expired[:limit])

    def _lease(self) -> float:
        return self.clock.monotonic() + self.lease_seconds

    def _fence(self, stored: StoredInvocation) -> int | None:
        """The fence that an outcome must carry; None when nobody may write one."""
        turn_id = stored.invocation.turn_id
        if turn_id is None:
            return stored.fence
        turn = self.store.turns[stored.invocation.tenant_id, turn_id].turn
        return turn.fence if turn.state is TurnState.RUNNING else None

    def _may_resume(self, tenant_id: TenantId, turn_id: TurnId | None) -> bool:
        if turn_id is None:
            return False
        turn = self.store.turns[tenant_id, turn_id].turn
        return turn.state is TurnState.PAUSED and not self.store.waits(turn, self.clock.now())

    def _found(self, tenant_id: TenantId, invocation_id: InvocationId) -> StoredInvocation:
        stored = self.store.invocations.get((tenant_id, invocation_id))
        if stored is None:
            raise InvocationNotFoundError(str(invocation_id))
        return stored

    def _keep(self, stored: StoredInvocation) -> Invocation:
        invocation = stored.invocation
        self.store.invocations[invocation.tenant_id, invocation.id] = stored
        return invocation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryInvocations:
    """Reads of one tenant's invocations."""

    store: InMemoryStore
    clock: Clock

    async def invocation(self, tenant_id: TenantId, invocation_id: InvocationId) -> Invocation:
        stored = self.store.invocations.get((tenant_id, invocation_id))
        if stored is None:
            raise InvocationNotFoundError(str(invocation_id))
        return stored.invocation

    async def invocations(
        self,
        tenant_id: TenantId,
        *,
        state: InvocationState | None,
        after: InvocationId | None,
        limit: int,
    ) -> Sequence[Invocation]:
        found = [
            stored.invocation
            for (owner, invocation_id), stored in self.store.invocations.items()
            if owner == tenant_id
            and (state is None or stored.invocation.state is state)
            and (after is None or invocation_id < after)
        ]
        return sorted(found, key=lambda invocation: invocation.id, reverse=True)[:limit]

    async def awaiting(
        self, tenant_id: TenantId, *, after: InvocationId | None, limit: int
    ) -> Sequence[Invocation]:
        now = self.clock.now()
        found = [
            stored.invocation
            for (owner, invocation_id), stored in self.store.invocations.items()
            if owner == tenant_id
            and stored.invocation.waits(now)
            and (after is None or invocation_id > after)
        ]
        return sorted(found, key=lambda invocation: invocation.id)[:limit]
