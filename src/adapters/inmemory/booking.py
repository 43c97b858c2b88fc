"""What a settlement is of, and what it leaves in the in-memory books."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from domain.budget.account import Hold, Use
from domain.kernel.identifiers import AccountId, TenantId
from domain.kernel.metering import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is settled: the holds of a turn or a reservation, for the `step`-th time, from 1."""

    tenant_id: TenantId
    reference_id: UUID
    step: int
    round: int
    period: date
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class Booked:
    """The holds that were added to those of a settlement, and what was overrun of each of all."""

    added: tuple[Hold, ...]
    overruns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What a settlement used of a metric, and the accounts it was spent in."""

    settlement: Settlement
    use: Use
    accounts: frozenset[AccountId]


@dataclass(frozen=True, slots=True)
class Overrun:
    """What a settlement used of a metric that fitted neither its hold nor the account's limit."""

    settlement: Settlement
    account_id: AccountId
    metric: Metric
    amount: int
