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
    """Two accounts whose warnings are due; the row of one's tenant is locked for some time."""

    locked: TenantId
    times: int
    told: list[tuple[TenantId, int]] = field(default_factory=list[tuple[TenantId, int]])

    async def due(self, limit: int) -> Sequence[PassedLimit]:
        return [passed(tenant_id) for tenant_id in (TENANT, OTHER_TENANT)][:limit]

    async def announce(self, warning: BudgetWarning) -> bool:
        if warning.tenant_id == self.locked and self.times:
            self.times -= 1
            raise StorageUnavailableError
        self.told.append((warning.tenant_id, warning.percent))
        return True


def passed(tenant_id: TenantId) -> PassedLimit:
    return PassedLimit(
        tenant_id=tenant_id,
        account=Account(AccountKind.TENANT, str(tenant_id)),
        metric=Metric.TOKENS,
        period=date(2026, 11, 1),
        limit=100,
        spent=100,
        percents=(80, 100),
    )


def announcing(warnings: LockedOf) -> AnnounceWarnings:
    return AnnounceWarnings(
        warnings=warnings, clock=StoppedClock(), identifiers=CountingIdentifiers("warnings")
    )


async def test_one_that_cannot_be_told_keeps_no_other() -> None:
    warnings = LockedOf(TENANT, times=10)

    assert await announcing(warnings)(10) == 2
    assert warnings.told == [(OTHER_TENANT, 80), (OTHER_TENANT, 100)]


async def test_no_warning_is_told_before_one_that_cannot_be() -> None:
    """The higher one told, nobody would ever tell the lower one."""
    warnings = LockedOf(TENANT, times=1)

    await announcing(warnings)(10)
    assert [told for told in warnings.told if told[0] == TENANT] == []

    await announcing(warnings)(1)
    assert warnings.told[-2:] == [(TENANT, 80), (TENANT, 100)]
