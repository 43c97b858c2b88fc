"""Facts that the budget context publishes."""

from dataclasses import dataclass
from datetime import date
from typing import Self
from uuid import UUID

from domain.budget.account import Account, Use
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    InvocationId,
    ReservationId,
    SessionId,
    TurnId,
)
from domain.kernel.metering import Metric, list_price_micro_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWarning(DomainEvent):
    """What was spent first passed a percentage of a limit in a period; the key is the tenant."""

    account: Account
    metric: Metric
    period: date
    percent: int
    limit: int
    spent: int


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What was used of one metric, in base units, and what it is listed at, in micro-USD."""

    metric: Metric
    amount: int
    price_version: int
    cost_micro_usd: int

    @classmethod
    def of(cls, use: Use) -> Self:
        price = list_price_micro_usd(use.metric, use.amount)
        return cls(use.metric, use.amount, use.price_version, price)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecorded(DomainEvent):
    """The ledger lines of one settlement: what a billing system counts, once per event id.

    It names what used them: a turn, or a call by itself, or a reservation by itself. The key is the
    session of the turn, else the tenant; both their ids are None then.
    """

    tenant: str
    session_id: SessionId | None
    turn_id: TurnId | None
    subject: str
    lines: tuple[UsageLine, ...]
    invocation_id: InvocationId | None = None
    reservation_id: ReservationId | None = None

    @property
    def reference(self) -> UUID | None:
        """What the ledger's lines are under."""
        return self.turn_id or self.invocation_id or self.reservation_id
