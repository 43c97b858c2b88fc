"""The kernel in process memory."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, final
from uuid import UUID

from adapters.inmemory.budget_warnings import InMemoryBudgetWarnings
from adapters.inmemory.budgets import InMemoryBudgets
from adapters.inmemory.durable_clock import InMemoryClock
from adapters.inmemory.effects import InMemoryEffectJournal
from adapters.inmemory.invocations import InMemoryInvocations
from adapters.inmemory.journal import InMemoryTurnJournal
from adapters.inmemory.leases import InMemoryTurnLeases
from adapters.inmemory.reader import InMemoryTurnReader
from adapters.inmemory.signals import InMemoryTurnSignals
from adapters.inmemory.store import InMemoryStore, StoredInvocation
from adapters.inmemory.stored_turn import StoredTurn
from domain.budget.account import Hold
from domain.budget.reservation import ReservationState
from domain.conversation.session import Session
from domain.kernel.identifiers import ServerId, SessionId, TenantId, TurnId
from tests.contract.kernel import (
    LEASE_SECONDS,
    Holds,
    InvocationRow,
    Kernel,
    LedgerRow,
    ReservationRow,
    Server,
    Snapshot,
    TurnRow,
)
from tests.fakes import StoppedClock

ONE: Final = ServerId(UUID("01946f00-0000-7000-8000-000000000011"))
OTHER: Final = ServerId(UUID("01946f00-0000-7000-8000-000000000012"))


def inmemory_kernel() -> Kernel:
    return kernel_on(InMemoryStore(), StoppedClock())


def kernel_on(store: InMemoryStore, clock: StoppedClock) -> Kernel:
    return Kernel(
        one=_server(store, clock, ONE),
        other=_server(store, clock, OTHER),
        reader=InMemoryTurnReader(store=store),
        effects=InMemoryEffectJournal(store=store, clock=clock, lease_seconds=LEASE_SECONDS),
        invocations=InMemoryInvocations(store=store, clock=clock),
        budgets=InMemoryBudgets(store=store, clock=clock),
        warnings=InMemoryBudgetWarnings(store=store),
        clock=InMemoryClock(clock),
        administrator=InMemoryAdministrator(store, clock),
    )


def _server(store: InMemoryStore, clock: StoppedClock, server_id: ServerId) -> Server:
    return Server(
        id=server_id,
        journal=InMemoryTurnJournal(
            store=store, clock=clock, server_id=server_id, lease_seconds=LEASE_SECONDS
        ),
        leases=InMemoryTurnLeases(
            store=store, clock=clock, server_id=server_id, lease_seconds=LEASE_SECONDS
        ),
        signals=InMemoryTurnSignals(store=store, server_id=server_id),
    )


@final
@dataclass(frozen=True, slots=True)
class InMemoryAdministrator:
    store: InMemoryStore
    clock: StoppedClock

    async def open_tenant(self, tenant_id: TenantId) -> None:
        """A tenant is there as soon as something of it is."""

    async def open_session(self, session: Session) -> None:
        self.store.sessions[session.tenant_id, session.id] = session

    async def delete_session(self, tenant_id: TenantId, session_id: SessionId) -> None:
        session = self.store.sessions[tenant_id, session_id]
        deleted = replace(session, deleted_at=self.clock.now())
        self.store.sessions[tenant_id, session_id] = deleted

    async def expire_leases(self, tenant_id: TenantId) -> None:
        past = self.clock.monotonic() - 1
        for key, turn in self.store.turns.items():
            if key[0] == tenant_id and turn.lease_until is not None:
                self.store.turns[key] = replace(turn, lease_until=past)
        for place, call in self.store.invocations.items():
            if place[0] == tenant_id and call.lease_until is not None:
                self.store.invocations[place] = replace(call, lease_until=past)

    async def age_approvals(self, tenant_id: TenantId) -> None:
        for key, stored in self.store.invocations.items():
            call = stored.invocation
            if key[0] == tenant_id and call.decided_at is not None:
                aged = replace(call, decided_at=call.decided_at - timedelta(days=1))
                self.store.invocations[key] = replace(stored, invocation=aged)

    async def expire_approvals(self, tenant_id: TenantId) -> None:
        for key, stored in self.store.invocations.items():
            if key[0] == tenant_id and stored.invocation.expires_at is not None:
                over = replace(stored.invocation, expires_at=self.clock.now().replace(year=2000))
                self.store.invocations[key] = replace(stored, invocation=over)

    async def expire_reservations(self, tenant_id: TenantId) -> None:
        for key, stored in self.store.reservations.items():
            held = stored.reservation
            if key[0] == tenant_id and held.state is ReservationState.HELD:
                over = replace(held, expires_at=self.clock.now().replace(year=2000))
                self.store.reservations[key] = replace(stored, reservation=over)

    async def damage(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        key = tenant_id, turn_id
        self.store.turns[key] = replace(self.store.turns[key], readable=False)

    async def damage_checkpoint(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        key = tenant_id, turn_id
        self.store.turns[key] = replace(self.store.turns[key], checkpoint_readable=False)

    async def forget(self, tenant_id: TenantId) -> None:
        store = self.store
        store.turns = {k: row for k, row in store.turns.items() if k[0] != tenant_id}
        store.invocations = {k: row for k, row in store.invocations.items() if k[0] != tenant_id}
        store.reservations = {k: row for k, row in store.reservations.items() if k[0] != tenant_id}

    async def snapshot(self, tenant_id: TenantId) -> Snapshot:
        store = self.store
        return Snapshot(
            limits={
                (account.id_in(tenant_id), metric): amount
                for (owner, account, metric), amount in store.limits.items()
                if owner == tenant_id
            },
            balances={
                key[1:]: balance for key, balance in store.balances.items() if key[0] == tenant_id
            },
            seats={
                key[1]: session.queue
                for key, session in store.sessions.items()
                if key[0] == tenant_id
            },
            keys={
                key[1:]: turn_id
                for key, (_, turn_id) in store.turn_requests.items()
                if key[0] == tenant_id
            },
            turns={
                key[1]: self._turn(turn) for key, turn in store.turns.items() if key[0] == tenant_id
            },
            messages={
                key[1]: (said.turn_id, said.message.role, said.message.text)
                for key, said in store.messages.items()
                if key[0] == tenant_id
            },
            invocations={
                key[1]: _invocation(call)
                for key, call in store.invocations.items()
                if key[0] == tenant_id
            },
            reservations={
                key[1]: ReservationRow(
                    held.reservation.state, held.step, held.period, _holds(held.reservation.holds)
                )
                for key, held in store.reservations.items()
                if key[0] == tenant_id
            },
            ledger=self._ledger(tenant_id),
            overruns=tuple(
                sorted(
                    (
                        one.settlement.reference_id,
                        one.settlement.step,
                        one.account_id,
                        one.metric,
                        one.amount,
                    )
                    for one in self.store.overruns
                    if one.settlement.tenant_id == tenant_id
                )
            ),
            positions=tuple(
                record_id
                for _, record_id in sorted(
                    (record.position, key[1])
                    for key, record in store.records.items()
                    if key[0] == tenant_id
                )
            ),
            outgoing={
                key[1]: tuple(stored.event.id for stored in events)
                for key, events in store.outbox.items()
                if key[0] == tenant_id
            },
        )

    def _turn(self, stored: StoredTurn) -> TurnRow:
        return TurnRow(
            state=stored.turn.state,
            fence=stored.turn.fence,
            owner=stored.owner,
            leased=stored.lease_until is not None,
            ceiling=stored.ceiling,
            round=stored.round,
            period=stored.period,
            holds=_holds(stored.holds),
            written=self.store.last_written(stored.turn.tenant_id, stored.turn.id),
            promoted=stored.promoted,
            record_id=stored.turn.record_id,
            take_overs=stored.take_overs,
            taken=stored.taken,
        )

    def _ledger(self, tenant_id: TenantId) -> tuple[LedgerRow, ...]:
        return tuple(
            sorted(
                LedgerRow(
                    line.settlement.reference_id,
                    line.settlement.step,
                    line.settlement.round,
                    line.use.metric,
                    line.use.amount,
                    line.use.price_version,
                    line.settlement.period,
                    tuple(sorted(line.accounts)),
                )
                for line in self.store.ledger
                if line.settlement.tenant_id == tenant_id
            )
        )


def _holds(holds: tuple[Hold, ...]) -> Holds:
    return {(hold.account_id, hold.metric): hold.amount for hold in holds}


def _invocation(stored: StoredInvocation) -> InvocationRow:
    call = stored.invocation
    return InvocationRow(
        call.turn_id,
        call.round,
        call.state,
        call.result,
        call.reason,
        call.decided_by,
        stored.fence,
        stored.lease_until is not None,
    )
