"""What the in-memory adapters of budgets, turns and tools keep, and the steps that they share."""

from asyncio import Queue
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from adapters.inmemory.booking import Booked, LedgerLine, Overrun, Settlement
from adapters.inmemory.stored_turn import StoredTurn
from application.conversation.ports.signals import Signal
from domain.budget.account import Account, Balance, Hold, Use
from domain.budget.granting import (
    Granted,
    Place,
    refusal_of,
    release_all,
    reserve_all,
    settle_all,
    unheld,
)
from domain.budget.reservation import Reservation
from domain.conversation.message import Message, Role
from domain.conversation.session import Session
from domain.conversation.turn import Turn
from domain.conversation.turn_event import TurnEvent
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    AccountId,
    InvocationId,
    MessageId,
    RecordId,
    ReservationId,
    ServerId,
    SessionId,
    StartId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import LEVEL_METRICS, Metric
from domain.tools.invocation import Invocation, InvocationState

BalanceKey = tuple[TenantId, AccountId, Metric, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReservation:
    reservation: Reservation
    period: date
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInvocation:
    """The rest belongs to a call by itself; a call of a turn has its turn's fence and lease."""

    invocation: Invocation
    fence: int = 0
    lease_until: float | None = None
    reservation_id: ReservationId | None = None
    start_id: StartId | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    session_id: SessionId
    turn_id: TurnId
    message: Message


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An outgoing event with its number among those of its key."""

    sequence: int
    event: DomainEvent


@dataclass(frozen=True, slots=True)
class StoredRecord:
    turn_id: TurnId | None
    position: int
    body: bytes


@dataclass(slots=True, repr=False)
class InMemoryStore:
    """The state of all tenants. Steps of its users hold no await: each is atomic by that alone."""

    limits: dict[tuple[TenantId, Account, Metric], int | None] = field(
        default_factory=dict[tuple[TenantId, Account, Metric], int | None]
    )
    balances: dict[BalanceKey, Balance] = field(default_factory=dict[BalanceKey, Balance])
    opened: dict[BalanceKey, int] = field(default_factory=dict[BalanceKey, int])
    told: dict[BalanceKey, int] = field(default_factory=dict[BalanceKey, int])
    reservations: dict[tuple[TenantId, ReservationId], StoredReservation] = field(
        default_factory=dict[tuple[TenantId, ReservationId], StoredReservation]
    )
    reservation_requests: dict[tuple[TenantId, str], tuple[bytes, ReservationId]] = field(
        default_factory=dict[tuple[TenantId, str], tuple[bytes, ReservationId]]
    )
    ledger: list[LedgerLine] = field(default_factory=list[LedgerLine])
    overruns: list[Overrun] = field(default_factory=list[Overrun])
    sessions: dict[tuple[TenantId, SessionId], Session] = field(
        default_factory=dict[tuple[TenantId, SessionId], Session]
    )
    turn_requests: dict[tuple[TenantId, SessionId, str], tuple[bytes, TurnId]] = field(
        default_factory=dict[tuple[TenantId, SessionId, str], tuple[bytes, TurnId]]
    )
    turns: dict[tuple[TenantId, TurnId], StoredTurn] = field(
        default_factory=dict[tuple[TenantId, TurnId], StoredTurn]
    )
    messages: dict[tuple[TenantId, MessageId], StoredMessage] = field(
        default_factory=dict[tuple[TenantId, MessageId], StoredMessage]
    )
    turn_events: dict[tuple[TenantId, TurnId], dict[int, TurnEvent]] = field(
        default_factory=dict[tuple[TenantId, TurnId], dict[int, TurnEvent]]
    )
    invocations: dict[tuple[TenantId, InvocationId], StoredInvocation] = field(
        default_factory=dict[tuple[TenantId, InvocationId], StoredInvocation]
    )
    invocation_requests: dict[tuple[TenantId, str], tuple[bytes, InvocationId]] = field(
        default_factory=dict[tuple[TenantId, str], tuple[bytes, InvocationId]]
    )
    records: dict[tuple[TenantId, RecordId], StoredRecord] = field(
        default_factory=dict[tuple[TenantId, RecordId], StoredRecord]
    )
    outbox: dict[tuple[TenantId, UUID], list[StoredEvent]] = field(
        default_factory=dict[tuple[TenantId, UUID], list[StoredEvent]]
    )
    watchers: dict[tuple[TenantId, TurnId], set[ServerId]] = field(
        default_factory=dict[tuple[TenantId, TurnId], set[ServerId]]
    )
    cancellations: dict[tuple[TenantId, TurnId], str] = field(
        default_factory=dict[tuple[TenantId, TurnId], str]
    )
    listeners: dict[ServerId, list[Queue[Signal]]] = field(
        default_factory=dict[ServerId, list[Queue[Signal]]]
    )
    nonces: dict[tuple[TenantId, RecordId], bytes] = field(
        default_factory=dict[tuple[TenantId, RecordId], bytes]
    )

    def open_accounts(self, tenant_id: TenantId, period: date) -> None:
        """Make the period's balances from the tenant's standing limits, where they are missing.

        What is spent of a level is carried over from the period before.
        """
        for (owner, account, metric), amount in self.limits.items():
            place = tenant_id, account.id_in(tenant_id), metric, period
            if owner == tenant_id and place not in self.balances:
                before = self._last_before(place) if metric in LEVEL_METRICS else None
                self.open_account(place, Balance(amount, spent=before.spent if before else 0))

    def open_account(self, place: BalanceKey, balance: Balance) -> None:
        """Make a balance. It bears what is settled from now on: the lines that come."""
        self.balances[place] = balance
        self.opened[place] = len(self.ledger)

    def _last_before(self, place: BalanceKey) -> Balance | None:
        *account, period = place
        found = [key for key in self.balances if [*key[:3]] == account and key[3] < period]
        return self.balances[max(found, key=lambda key: key[3])] if found else None

    def grant(
        self, tenant_id: TenantId, period: date, holds: Iterable[Hold]
    ) -> tuple[tuple[Hold, ...], Callable[[], None]]:
        """The holds that bind, and the step that takes them.

        Raises:
            BudgetExhaustedError: A hold does not fit.
            AccountNotFoundError: A required hold finds no balance.
        """
        self.open_accounts(tenant_id, period)
        before = self._balances(tenant_id, period)
        granted = reserve_all(before, holds)
        if not isinstance(granted, Granted):
            balance = before.get((granted.account_id, granted.metric))
            raise refusal_of(granted, None if balance is None else balance.remaining)
        changed = granted.balances
        return granted.holds, lambda: self._write(tenant_id, period, changed)

    def release(self, tenant_id: TenantId, period: date, holds: Iterable[Hold]) -> None:
        self._write(tenant_id, period, release_all(self._balances(tenant_id, period), holds))

    def settle(self, settlement: Settlement, uses: Iterable[Use]) -> Booked:
        """Settle the holds, and what was used without one, and write the ledger's lines."""
        one, used = settlement, tuple(uses)
        balances = self._balances(one.tenant_id, one.period)
        added = unheld(balances, one.holds, used, AccountId(one.tenant_id))
        holds = (*one.holds, *added)
        settled = settle_all(balances, holds, used)
        self._write(one.tenant_id, one.period, settled)
        for use in used:
            charged = frozenset(held.account_id for held in holds if held.metric is use.metric)
            self.ledger.append(LedgerLine(one, use, charged))
        places = [(hold.account_id, hold.metric) for hold in holds]
        overruns = tuple(settled[place].overrun - balances[place].overrun for place in places)
        for (account_id, metric), amount in zip(places, overruns, strict=True):
            if amount:
                self.overruns.append(Overrun(one, account_id, metric, amount))
        return Booked(added, overruns)

    def publish(self, *facts: DomainEvent) -> None:
        for event in facts:
            events = self.outbox.setdefault((event.tenant_id, event.key), [])
            events.append(StoredEvent(len(events) + 1, event))

    def last_event(self, tenant_id: TenantId, key: UUID) -> int:
        """The number of the last event of a key; 0 when there is none."""
        return len(self.outbox.get((tenant_id, key), ()))

    def say(self, turn: Turn, message_id: MessageId, role: Role, text: str) -> None:
        self.messages[turn.tenant_id, message_id] = StoredMessage(
            turn.session_id, turn.id, Message(role, text)
        )

    def last_written(self, tenant_id: TenantId, turn_id: TurnId) -> int:
        """The last number that a written event of the turn stands for; 0 when there is none."""
        events = self.turn_events.get((tenant_id, turn_id), {})
        return max((event.last_sequence for event in events.values()), default=0)

    def show(self, turn: Turn, events: Iterable[TurnEvent]) -> None:
        written = self.turn_events.setdefault((turn.tenant_id, turn.id), {})
        for event in events:
            written.setdefault(event.sequence, event)

    def record(self, turn: Turn, record_id: RecordId, body: bytes, nonce: bytes) -> None:
        """Put a record at the next position of its tenant's chain."""
        self.record_alone(turn.tenant_id, record_id, body, nonce, turn.id)

    def record_alone(
        self,
        tenant_id: TenantId,
        record_id: RecordId,
        body: bytes,
        nonce: bytes,
        turn_id: TurnId | None = None,
    ) -> None:
        """Put a record at the next position, which a turn may have ended with."""
        position = 1 + sum(owner == tenant_id for owner, _ in self.records)
        self.records[tenant_id, record_id] = StoredRecord(turn_id, position, body)
        self.nonces[tenant_id, record_id] = nonce

    def write_down(self, invocation: Invocation) -> None:
        """Keep a call of a turn as its driver sees it; an outcome is never undone."""
        key = invocation.tenant_id, invocation.id
        known = self.invocations.get(key)
        if known is None:
            self.invocations[key] = StoredInvocation(invocation=invocation)
        elif known.invocation.state.open:
            approved = known.invocation.state is InvocationState.PERMITTED
            if approved and invocation.state is InvocationState.EXPIRED and invocation.finished_at:
                # It was approved after its driver had read that it waits.
                invocation = known.invocation.give_up(invocation.reason, invocation.finished_at)
            self.invocations[key] = StoredInvocation(invocation=invocation)

    def waits(self, turn: Turn, now: datetime) -> bool:
        """Whether somebody must still decide about a call of the turn."""
        return any(call.waits(now) for call in self.invocations_of(turn.tenant_id, turn.id))

    def expire_overdue(self, turn: Turn, now: datetime) -> frozenset[InvocationId]:
        """Let the calls of a turn that nobody decided be too late; which they are."""
        expired: list[InvocationId] = []
        for call in self.invocations_of(turn.tenant_id, turn.id):
            if call.state is InvocationState.PENDING_APPROVAL:
                self.write_down(call.expire(now))
                expired.append(call.id)
        return frozenset(expired)

    def invocations_of(self, tenant_id: TenantId, turn_id: TurnId) -> tuple[Invocation, ...]:
        """The calls of a turn, in order of their identifiers."""
        calls = (stored.invocation for stored in self.invocations.values())
        found = (one for one in calls if (one.tenant_id, one.turn_id) == (tenant_id, turn_id))
        return tuple(sorted(found, key=lambda invocation: invocation.id))

    def _balances(self, tenant_id: TenantId, period: date) -> Mapping[Place, Balance]:
        return {
            (account_id, metric): balance
            for (owner, account_id, metric, month), balance in self.balances.items()
            if owner == tenant_id and month == period
        }

    def _write(self, tenant_id: TenantId, period: date, changed: Mapping[Place, Balance]) -> None:
        for (account_id, metric), balance in changed.items():
            self.balances[tenant_id, account_id, metric, period] = balance
