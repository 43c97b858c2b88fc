"""List the limits of a tenant's accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets, Limit
from domain.budget.account import Account
from domain.kernel.identifiers import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLimitsQuery:
    """`account` None lists those of all accounts."""

    tenant_id: TenantId
    account: Account | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListLimits:
    budgets: Budgets

    async def __call__(self, query: ListLimitsQuery) -> Sequence[Limit]:
        """The standing limits, by kind and name of their account, then by metric."""
        limits = await self.budgets.limits(query.tenant_id)
        return [limit for limit in limits if query.account in {None, limit.account}]
