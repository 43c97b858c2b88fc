"""Tell of limits that were nearly used up."""

from contextlib import suppress
from dataclasses import dataclass
from typing import final

from application.budget.ports import BudgetWarnings, PassedLimit
from application.kernel.ports import Clock, IdentifierSource
from domain.budget.events import BudgetWarning
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import EventId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceWarnings:
    """Publish every warning that settlements have made due; any server may, each is told once."""

    warnings: BudgetWarnings
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, limit: int) -> int:
        """Look at so many accounts at most; how many warnings were published."""
        published = 0
        for passed in await self.warnings.due(limit):
            # A tenant whose row stays locked must not keep the others waiting. Of one account no
            # warning is told before a lower one, which would never be told then.
            with suppress(StorageUnavailableError):
                for percent in passed.percents:
                    published += await self.warnings.announce(self._warning(passed, percent))
        return published

    def _warning(self, passed: PassedLimit, percent: int) -> BudgetWarning:
        return BudgetWarning(
            id=EventId(self.identifiers.next()),
            tenant_id=passed.tenant_id,
            key=passed.tenant_id,
            occurred_at=self.clock.now(),
            account=passed.account,
            metric=passed.metric,
            period=passed.period,
            percent=percent,
            limit=passed.limit,
            spent=passed.spent,
        )
