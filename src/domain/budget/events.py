"""Facts that the budget context publishes."""

from dataclasses import dataclass
from datetime import date

from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import AccountId
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
