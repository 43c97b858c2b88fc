"""Read what an account used in a month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import final

from application.budget.ports import Budgets, MetricUsage
from domain.budget.account import Account
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import list_price


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUsageQuery:
    """`period` is the first day of a month, UTC; None is the present one."""

    tenant_id: TenantId
    account: Account
    period: date | None = None


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """`usd` is the list price of what was spent."""

    usage: MetricUsage
    usd: Decimal


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUsage:
    budgets: Budgets

    async def __call__(self, query: ReadUsageQuery) -> Sequence[PricedUsage]:
        """The account's metrics that have a limit in this month, in order of their codes."""
        account_id = query.account.id_in(query.tenant_id)
        usages = await self.budgets.usage(query.tenant_id, account_id, query.period)
        return [
            PricedUsage(usage, list_price(usage.metric, usage.balance.spent)) for usage in usages
        ]
