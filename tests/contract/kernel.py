"""The kernel as its suites see it: the ports of two servers, and what an administrator sees."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol
from uuid import UUID

from application.budget.ports import Budgets, BudgetWarnings
from application.conversation.ports.journal import TurnJournal
from application.conversation.ports.leases import TurnLeases
from application.conversation.ports.reading import TurnReader
from application.conversation.ports.signals import TurnSignals
from application.kernel.ports import DurableClock
from application.tools.ports import EffectJournal, InvocationReader
from domain.budget.account import Balance
from domain.budget.reservation import ReservationState
from domain.conversation.message import Role
from domain.conversation.session import Session, SessionQueue
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import (
    AccountId,
    InvocationId,
    MessageId,
    RecordId,
    ReservationId,
    ServerId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState

LEASE_SECONDS: Final = 900.0
"""Longer than any test takes on the slowest machine: a lease ends when a test says so."""

Holds = Mapping[tuple[AccountId, Metric], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """`written` is the last sequence number that a written event of the turn stands for."""

    state: TurnState
    fence: int
    owner: ServerId
    leased: bool
    ceiling: int
    round: int
    period: date
    holds: Holds
    written: int
    promoted: TurnId | None
    record_id: RecordId | None
    take_overs: int
    taken: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class ReservationRow:
    state: ReservationState
    step: int
    period: date
    holds: Holds


@dataclass(frozen=True, slots=True)
class InvocationRow:
    turn_id: TurnId | None
    round: int
    state: InvocationState
    result: str
    reason: str
    decided_by: str
    fence: int
    leased: bool


@dataclass(frozen=True, slots=True, order=True)
class LedgerRow:
    reference_id: UUID
    step: int
    round: int
    metric: Metric
    amount: int
    price_version: int
    period: date
    accounts: tuple[AccountId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that one tenant has in the kernel but times: two equal ones will behave alike.

    `outgoing` are the identifiers of each key's events in order of their numbers, `positions` those
    of the records in order of theirs; numbers with gaps are refused when a snapshot is made.
    `overruns` are (reference, step, account, metric, amount).
    """

    limits: Mapping[tuple[AccountId, Metric], int | None]
    balances: Mapping[tuple[AccountId, Metric, date], Balance]
    seats: Mapping[SessionId, SessionQueue]
    keys: Mapping[tuple[SessionId, str], TurnId]
    turns: Mapping[TurnId, TurnRow]
    messages: Mapping[MessageId, tuple[TurnId, Role, str]]
    invocations: Mapping[InvocationId, InvocationRow]
    reservations: Mapping[ReservationId, ReservationRow]
    ledger: tuple[LedgerRow, ...]
    overruns: tuple[tuple[UUID, int, AccountId, Metric, int], ...]
    positions: tuple[RecordId, ...]
    outgoing: Mapping[UUID, tuple[UUID, ...]]


class Administrator(Protocol):
    """What the suites do around the ports, past them."""

    async def open_tenant(self, tenant_id: TenantId) -> None: ...

    async def open_session(self, session: Session) -> None: ...

    async def delete_session(self, tenant_id: TenantId, session_id: SessionId) -> None: ...

    async def expire_leases(self, tenant_id: TenantId) -> None:
        """Let the leases of the tenant's running turns and calls run out now."""
        ...

    async def age_approvals(self, tenant_id: TenantId) -> None:
        """Let what was approved of the tenant's calls have been approved long ago."""
        ...

    async def expire_approvals(self, tenant_id: TenantId) -> None:
        """Let the time of the tenant's calls that a person was asked about be over now."""
        ...

    async def expire_reservations(self, tenant_id: TenantId) -> None:
        """Let the time of the tenant's reservations that are held be over now."""
        ...

    async def damage(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        """Let nobody read any more what the turn was asked."""
        ...

    async def damage_checkpoint(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        """Let nobody read any more what the turn had done by its last round or pause."""
        ...

    async def forget(self, tenant_id: TenantId) -> None:
        """Let no sweep of all tenants find anything of this one any more."""
        ...

    async def snapshot(self, tenant_id: TenantId) -> Snapshot: ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Server:
    id: ServerId
    journal: TurnJournal
    leases: TurnLeases
    signals: TurnSignals


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Kernel:
    """Two servers on one store."""

    one: Server
    other: Server
    reader: TurnReader
    effects: EffectJournal
    invocations: InvocationReader
    budgets: Budgets
    warnings: BudgetWarnings
    clock: DurableClock
    administrator: Administrator
