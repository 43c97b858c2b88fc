"""Warnings of budgets in process memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from adapters.inmemory.store import InMemoryStore
from application.budget.ports import PassedLimit
from domain.budget.account import percentages_due
from domain.budget.events import BudgetWarning


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryBudgetWarnings:
    store: InMemoryStore

    async def due(self, limit: int) -> Sequence[PassedLimit]:
        accounts = {
            (owner, account.id_in(owner)): account for owner, account, _ in self.store.limits
        }
        found = [
            PassedLimit(
                tenant_id=key[0],
                account=accounts[key[:2]],
                metric=key[2],
                period=key[3],
                limit=balance.limit,
                spent=balance.spent,
                percents=percents,
            )
            for key, balance in self.store.balances.items()
            if (percents := percentages_due(self.store.told.get(key, 0), balance.warned))
            and balance.limit is not None
        ]
        return found[:limit]

    async def announce(self, warning: BudgetWarning) -> bool:
        account_id = warning.account.id_in(warning.tenant_id)
        key = warning.tenant_id, account_id, warning.metric, warning.period
        passed = self.store.balances[key].warned
        if not self.store.told.get(key, 0) < warning.percent <= passed:
            return False
        self.store.told[key] = warning.percent
        self.store.publish(warning)
        return True
