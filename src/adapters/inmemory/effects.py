"""The journal of effects in process memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import final

from adapters.inmemory.booking import Settlement
from adapters.inmemory.store import InMemoryStore, StoredInvocation
from application.kernel.ports import Clock
from application.tools.ports import LostCall, Outcome
from domain.budget.quantity import Quantity
from domain.budget.reservation import ReservationState
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.errors import IdempotencyKeyReusedError, RequestExpiredError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    InvocationId,
    ReservationId,
    StartId,
    TenantId,
    TurnId,
)
from domain.kernel.storable_text import check_storable
from domain.tools.errors import (
    ApprovalExpiredError,
    InvocationAlreadyDecidedError,
    InvocationNotFoundError,
)
from domain.tools.invocation import Invocation, InvocationState, Resolution


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryEffectJournal:
    store: InMemoryStore
    clock: Clock
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
        key = invocation.tenant_id, request_id
        if known := self.store.invocation_requests.get(key):
            if known[0] != digest:
                raise IdempotencyKeyReusedError(request_id)
            return self._found(invocation.tenant_id, known[1]).invocation
        if reservation_id is not None:
            held = self.store.reservations.get((invocation.tenant_id, reservation_id))
            if held is not None and held.reservation.state is ReservationState.SETTLED:
                raise RequestExpiredError(request_id)

        self.store.invocation_requests[key] = digest, invocation.id
        started = invocation.state is InvocationState.STARTED
        lease = self._lease() if started else None
        if event is not None:
            self.store.publish(event)
        return self._keep(
            StoredInvocation(
                invocation=invocation, lease_until=lease, reservation_id=reservation_id
            )
        )

    async def start(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        start_id: StartId,
        reservation_id: ReservationId | None = None,
    ) -> Invocation:
        stored = self._alone(tenant_id, invocation_id)
        known = stored.invocation
        again = stored.start_id == start_id and stored.fence == 0
        if known.state is InvocationState.STARTED and again:
            return known
        started = stored.invocation.start(self.clock.now())

        return self._keep(
            replace(
                stored,
                invocation=started,
                lease_until=self._lease(),
                reservation_id=reservation_id,
                start_id=start_id,
            )
        )

    async def finish(self, outcome: Outcome) -> Invocation:
        check_storable("result", outcome.result)
        check_storable("reason", outcome.reason)
        stored = self._found(outcome.tenant_id, outcome.invocation_id)
        if self._fence(stored) != outcome.fence:
            raise StaleFenceError(str(stored.invocation.turn_id or outcome.invocation_id))
        ended = stored.invocation.end(
            outcome.state, result=outcome.result, reason=outcome.reason, at=self.clock.now()
        )

        if stored.invocation.state is InvocationState.STARTED:
            reserved = stored.reservation_id
            settled = reserved is not None and self._settle(outcome.tenant_id, reserved, outcome)
            for event in outcome.outgoing:
                self.store.publish(event)
            if settled and outcome.usage is not None:
                self.store.publish(outcome.usage)
        return self._keep(replace(stored, invocation=ended, lease_until=None))

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
        stored = self._found(tenant_id, invocation_id)
        decided = stored.invocation.decide(approved=approved, by=by, at=self.clock.now())

        self._keep(replace(stored, invocation=decided))
        if decided.state is InvocationState.EXPIRED:
            self.store.publish(expired)
            raise InvocationAlreadyDecidedError(str(invocation_id), decided.state.name)
        if decided != stored.invocation:
            for event in events:
                self.store.publish(event)
        return decided, self._may_resume(tenant_id, decided.turn_id)

    async def renew(self, tenant_id: TenantId, invocation_id: InvocationId, fence: int) -> bool:
        stored = self._found(tenant_id, invocation_id)
        if stored.lease_until is None or stored.fence != fence:
            return False
        self._keep(replace(stored, lease_until=self._lease()))
        return True

    async def take_over(
        self, limit: int, here: Collection[InvocationId] = ()
    ) -> Sequence[LostCall]:
        now = self.clock.monotonic()
        expired = [
            stored
            for _, stored in sorted(self.store.invocations.items())
            if stored.lease_until is not None
            and stored.lease_until < now
            and stored.invocation.id not in here
        ]
        taken = [
            replace(stored, fence=stored.fence + 1, lease_until=self._lease())
            for stored in expired[:limit]
        ]
        return [LostCall(self._keep(stored), stored.fence) for stored in taken]

    async def stalled(self, limit: int) -> Sequence[Invocation]:
        now = self.clock.now()
        lost = now - timedelta(seconds=self.lease_seconds)
        found = [
            one
            for _, stored in sorted(self.store.invocations.items())
            if (one := stored.invocation).turn_id is None
            and (
                (one.state is InvocationState.PENDING_APPROVAL and not one.waits(now))
                or (
                    one.state is InvocationState.PERMITTED
                    and one.decided_at is not None
                    and one.decided_at < lost
                )
            )
        ]
        nth: dict[TenantId, int] = {}
        ranked: list[tuple[int, Invocation]] = []
        for one in found:
            nth[one.tenant_id] = nth.get(one.tenant_id, 0) + 1
            ranked.append((nth[one.tenant_id], one))
        ranked.sort(key=lambda ranked: ranked[0])
        return [one for _, one in ranked[:limit]]

    async def expire(self, call: Invocation, event: DomainEvent) -> bool:
        stored = self.store.invocations.get((call.tenant_id, call.id))
        now = self.clock.now()
        if (
            stored is None
            or (known := stored.invocation).turn_id is not None
            or known.state is not call.state
            or known.state not in {InvocationState.PENDING_APPROVAL, InvocationState.PERMITTED}
            or not known.overdue(now)
        ):
            return False
        waited = known.state is InvocationState.PENDING_APPROVAL
        over = known.expire(now) if waited else known.give_up(ApprovalExpiredError.reason, now)
        self._keep(replace(stored, invocation=over))
        self.store.publish(event)
        return True

    async def deny(self, call: Invocation, reason: str, event: DomainEvent) -> Invocation:
        check_storable("reason", reason)
        stored = self._alone(call.tenant_id, call.id)
        if stored.invocation.state is not InvocationState.PERMITTED:
            return stored.invocation
        self.store.publish(event)
        denied = stored.invocation.give_up(reason, self.clock.now())
        return self._keep(replace(stored, invocation=denied))

    async def resolve(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        found: Resolution,
        events: Sequence[DomainEvent],
    ) -> Invocation:
        found.check_texts()
        stored = self._found(tenant_id, invocation_id)
        resolved = stored.invocation.resolve(found)

        if resolved != stored.invocation:
            for event in events:
                self.store.publish(event)
        return self._keep(replace(stored, invocation=resolved))

    def _settle(self, tenant_id: TenantId, reservation_id: ReservationId, outcome: Outcome) -> bool:
        """Settle what was reserved for a call, even if it has lapsed meanwhile; whether it was."""
        held = self.store.reservations.get((tenant_id, reservation_id))
        if held is None or held.reservation.state is ReservationState.SETTLED:
            return False
        lapsed = held.reservation.state is ReservationState.RELEASED
        settlement = Settlement(
            tenant_id=tenant_id,
            reference_id=outcome.invocation_id,
            step=1,
            round=held.step,
            period=held.period,
            holds=tuple(
                replace(one, amount=0) if lapsed else one for one in held.reservation.holds
            ),
        )
        booked = self.store.settle(settlement, outcome.uses)
        settled = replace(
            held.reservation,
            holds=(*held.reservation.holds, *booked.added),
            state=ReservationState.SETTLED,
            uses=tuple(Quantity(use.metric, use.amount) for use in outcome.uses),
            overruns=booked.overruns,
        )
        self.store.reservations[tenant_id, reservation_id] = replace(held, reservation=settled)
        return True

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

    def _alone(self, tenant_id: TenantId, invocation_id: InvocationId) -> StoredInvocation:
        """A call by itself."""
        stored = self._found(tenant_id, invocation_id)
        if stored.invocation.turn_id is not None:
            raise InvocationNotFoundError(str(invocation_id))
        return stored

    def _keep(self, stored: StoredInvocation) -> Invocation:
        invocation = stored.invocation
        self.store.invocations[invocation.tenant_id, invocation.id] = stored
        return invocation
