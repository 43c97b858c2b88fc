"""What the in-memory adapters keep, held against itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import final
from uuid import UUID

from adapters.inmemory.store import InMemoryStore
from application.kernel.ports import Clock
from application.operations.ports import BegunPass, Bounds
from domain.budget.account import Hold
from domain.budget.events import UsageRecorded
from domain.budget.reservation import ReservationState
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import AccountId, TenantId
from domain.kernel.metering import LEVEL_METRICS, Metric
from domain.operations.finding import KINDS, Finding, FindingKind, Look, Scope, judged
from domain.tools.invocation import InvocationState

_Place = tuple[AccountId, Metric, date]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryBooks:
    """A `Books`. Here nothing waits to be published or sealed, and every look is at everything."""

    store: InMemoryStore
    clock: Clock
    lease: timedelta = timedelta(minutes=5)
    begun: list[BegunPass] = field(default_factory=list[BegunPass])
    held: dict[Scope, tuple[BegunPass, float]] = field(
        default_factory=dict[Scope, tuple[BegunPass, float]]
    )
    ended: dict[Scope, float] = field(default_factory=dict[Scope, float])
    seen: dict[Scope, list[Finding]] = field(default_factory=dict[Scope, list[Finding]])
    findings: dict[tuple[FindingKind, TenantId, str], Finding] = field(
        default_factory=dict[tuple[FindingKind, TenantId, str], Finding]
    )

    async def begin(self, scope: Scope, every: timedelta) -> BegunPass | None:
        now, last = self.clock.monotonic(), self.ended.get(scope)
        held = scope in self.held and now < self.held[scope][1]
        if held or (last is not None and now < last + every.total_seconds()):
            return None
        # No two passes have the same name, whatever the clock says.
        later = timedelta(microseconds=len(self.begun))
        begun = BegunPass(scope, self.clock.now() + later)
        self.begun.append(begun)
        self.seen[scope] = []
        self.held[scope] = begun, self._leased()
        return begun

    async def renew(self, begun: BegunPass) -> bool:
        mine = self._mine(begun)
        if mine:
            self.held[begun.scope] = begun, self._leased()
        return mine

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        store = self.store
        owners = {
            *(place[0] for place in store.limits),
            *(place[0] for place in store.turns),
            *(place[0] for place in store.reservations),
            *(place[0] for place in store.invocations),
        }
        return sorted(one for one in owners if after is None or one > after)[:limit]

    async def overdue(self, bounds: Bounds, limit: int) -> Sequence[Finding]:
        return [*self._turns_overdue(bounds), *self._others_overdue(bounds)][:limit]

    async def check(
        self, tenant_id: TenantId, look: Look, since: timedelta | None
    ) -> Sequence[Finding]:
        match look:
            case Look.TURNS:
                return [*self._turns(tenant_id)]
            case Look.SEQUENCES:
                return [*self._sequences(tenant_id)]
            case Look.USAGE:
                return [*self._usage(tenant_id)]
            case Look.ACCOUNTS:
                held = self._accounts(tenant_id, FindingKind.HELD_UNEQUAL, self._held(tenant_id))
                spent = FindingKind.SPENT_UNEQUAL, self._spent(tenant_id)
                return [*held, *(self._accounts(tenant_id, *spent) if since is None else ())]
            case Look.OVERDUE:
                return ()

    async def repair_held(self, tenant_id: TenantId) -> bool:
        if any(self._open_holds(tenant_id)):
            return False
        for place, balance in self.store.balances.items():
            if place[0] == tenant_id:
                self.store.balances[place] = balance.release(balance.held)
        return True

    async def keep(self, begun: BegunPass, findings: Sequence[Finding]) -> bool:
        mine = await self.renew(begun)
        if mine:
            self.seen[begun.scope] += findings
        return mine

    async def spare(self, begun: BegunPass, look: Look, tenant_id: TenantId | None) -> bool:
        spared = [
            one
            for one in self.findings.values()
            if one.kind in KINDS[look] and tenant_id in {None, one.tenant_id}
        ]
        return await self.keep(begun, spared)

    async def end(self, begun: BegunPass) -> bool:
        scope = begun.scope
        if not self._mine(begun):
            return False
        seen = {(one.kind, one.tenant_id, one.reference): one for one in self.seen.pop(scope)}
        for key in [key for key in self.findings if key[0] in judged(scope)]:
            del self.findings[key]
        self.findings.update(seen)
        self.ended[scope] = self.clock.monotonic()
        del self.held[scope]
        return True

    async def give_back(self, begun: BegunPass) -> None:
        if self._mine(begun):
            del self.held[begun.scope]

    def _mine(self, begun: BegunPass) -> bool:
        return begun.scope in self.held and self.held[begun.scope][0] == begun

    def _leased(self) -> float:
        return self.clock.monotonic() + self.lease.total_seconds()

    def _turns_overdue(self, bounds: Bounds) -> Iterator[Finding]:
        for (tenant_id, turn_id), stored in self.store.turns.items():
            over = stored.turn.deadline_at + bounds.lease < self.clock.now()
            if stored.turn.state is TurnState.RUNNING and over:
                yield _finding(FindingKind.TURN_OVERDUE, tenant_id, turn_id)

    def _others_overdue(self, bounds: Bounds) -> Iterator[Finding]:
        for (tenant_id, reservation_id), kept in self.store.reservations.items():
            over = kept.reservation.expires_at + bounds.open < self.clock.now()
            if kept.reservation.state is ReservationState.HELD and over:
                yield _finding(FindingKind.RESERVATION_OVERDUE, tenant_id, reservation_id)
        for (tenant_id, call_id), call in self.store.invocations.items():
            until = call.lease_until
            if until is not None and until + bounds.open.total_seconds() < self.clock.monotonic():
                yield _finding(FindingKind.CALL_OVERDUE, tenant_id, call_id)

    def _accounts(
        self, tenant_id: TenantId, kind: FindingKind, expected: Mapping[_Place, int]
    ) -> Iterator[Finding]:
        held = kind is FindingKind.HELD_UNEQUAL
        kept = {
            place[1:]: balance.held if held else balance.spent
            for place, balance in self.store.balances.items()
            if place[0] == tenant_id and (held or place[2] not in LEVEL_METRICS)
        }
        for place in sorted({*kept, *expected}):
            if kept.get(place, 0) != expected.get(place, 0):
                account_id, metric, period = place
                yield _finding(kind, tenant_id, f"{account_id}/{metric.code}/{period}")

    def _open_holds(self, tenant_id: TenantId) -> Iterator[tuple[date, Hold]]:
        for (owner, _), stored in self.store.turns.items():
            if owner == tenant_id and not stored.turn.state.final:
                yield from ((stored.period, hold) for hold in stored.holds)
        for (owner, _), kept in self.store.reservations.items():
            if owner == tenant_id and kept.reservation.state is ReservationState.HELD:
                yield from ((kept.period, hold) for hold in kept.reservation.holds)

    def _held(self, tenant_id: TenantId) -> Mapping[_Place, int]:
        held = Counter[_Place]()
        for period, hold in self._open_holds(tenant_id):
            held[hold.account_id, hold.metric, period] += hold.amount
        return held

    def _spent(self, tenant_id: TenantId) -> Mapping[_Place, int]:
        spent, own = Counter[_Place](), AccountId(tenant_id)
        for number, line in enumerate(self.store.ledger):
            if line.settlement.tenant_id == tenant_id:
                kind = line.use.metric, line.settlement.period
                opened = self.store.opened.get((tenant_id, own, *kind))
                borne = opened is not None and opened <= number
                for account_id in line.accounts | ({own} if borne else set[AccountId]()):
                    spent[account_id, *kind] += line.use.amount
        return spent

    def _usage(self, tenant_id: TenantId) -> Iterator[Finding]:
        billed = Counter[tuple[UUID, Metric]]()
        for line in self.store.ledger:
            if line.settlement.tenant_id == tenant_id:
                billed[line.settlement.reference_id, line.use.metric] += line.use.amount
        told = Counter[tuple[UUID, Metric]]()
        for (owner, _), events in self.store.outbox.items():
            for event in (one.event for one in events):
                if owner == tenant_id and isinstance(event, UsageRecorded) and event.reference:
                    for used in event.lines:
                        told[event.reference, used.metric] += used.amount
        wrong = {place[0] for place in {*billed, *told} if billed[place] != told[place]}
        for reference in sorted(wrong):
            yield _finding(FindingKind.USAGE_UNEQUAL, tenant_id, reference)

    def _turns(self, tenant_id: TenantId) -> Iterator[Finding]:
        for (owner, turn_id), stored in self.store.turns.items():
            record_id = stored.turn.record_id
            missing = record_id is None or (tenant_id, record_id) not in self.store.records
            if owner == tenant_id and stored.turn.state.final and missing:
                yield _finding(FindingKind.TURN_UNRECORDED, tenant_id, turn_id)
        for (owner, call_id), kept in self.store.invocations.items():
            turn_of = kept.invocation.turn_id
            if owner != tenant_id or turn_of is None:
                continue
            turn = self.store.turns.get((tenant_id, turn_of))
            if turn is None:
                yield _finding(FindingKind.CALL_WITHOUT_TURN, tenant_id, call_id)
            elif turn.turn.state.final and kept.invocation.state is InvocationState.STARTED:
                yield _finding(FindingKind.CALL_UNENDED, tenant_id, call_id)

    def _sequences(self, tenant_id: TenantId) -> Iterator[Finding]:
        for (owner, key), events in self.store.outbox.items():
            if owner == tenant_id and not _gapless(one.sequence for one in events):
                yield _finding(FindingKind.EVENT_MISSING, tenant_id, key)
        records = self.store.records.items()
        if not _gapless(one.position for place, one in records if place[0] == tenant_id):
            yield _finding(FindingKind.RECORD_MISSING, tenant_id, tenant_id)


def _gapless(numbers: Iterable[int]) -> bool:
    found = sorted(numbers)
    return found == [*range(1, len(found) + 1)]


def _finding(kind: FindingKind, tenant_id: TenantId, reference: UUID | str) -> Finding:
    return Finding(kind=kind, tenant_id=tenant_id, reference=str(reference), detail="")
