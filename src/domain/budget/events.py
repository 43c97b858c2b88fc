"""Facts that the budget context publishes."""

from dataclasses import dataclass
from datetime import date

from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import AccountId, SessionId, TurnId
from domain.kernel.metering import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWarning(DomainEvent):
    """What was spent first passed a percentage of a limit in a period; the key is the tenant."""

    account_id: AccountId
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


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecorded(DomainEvent):
    """The ledger lines of one settlement: what a billing system counts, once per event id.

    The key is the session of the turn that used it, else the tenant; both ids are None then.
    """

    tenant: str
    session_id: SessionId | None
    turn_id: TurnId | None
    subject: str
    lines: tuple[UsageLine, ...]
