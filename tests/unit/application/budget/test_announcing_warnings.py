"""Warnings of many accounts, one of which cannot be told now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from application.budget.announce_warnings import AnnounceWarnings
from application.budget.ports import PassedLimit
from domain.budget.account import Account, AccountKind
from domain.budget.events import BudgetWarning
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from tests.builders import OTHER_TENANT, TENANT
from tests.fakes import CountingIdentifiers, StoppedClock


@dataclass(slots=True)
class LockedOf:
    """Two accounts whose warnings are due; the row of one's tenant stays locked."""

    locked: TenantId
    told: list[TenantId] = field(default_factory=list[TenantId])

    async def due(self, limit: int) -> Sequence[PassedLimit]:
        return [passed(tenant_id) for tenant_id in (TENANT, OTHER_TENANT)][:limit]

    async def announce(self, warning: BudgetWarning) -> bool:
        if warning.tenant_id == self.locked:
            raise StorageUnavailableError
        self.told.append(warning.tenant_id)
        return True


def passed(tenant_id: TenantId) -> PassedLimit:
    return PassedLimit(
        tenant_id=tenant_id,
        account=Account(AccountKind.TENANT, str(tenant_id)),
        metric=Metric.TOKENS,
        period=date(2026, 11, 1),
        limit=100,
        spent=80,
        percents=(80,),
    )


async def test_one_that_cannot_be_told_keeps_no_other() -> None:
    warnings = LockedOf(TENANT)
    announce = AnnounceWarnings(
        warnings=warnings, clock=StoppedClock(), identifiers=CountingIdentifiers("warnings")
    )

    assert await announce(10) == 1
    assert warnings.told == [OTHER_TENANT]
