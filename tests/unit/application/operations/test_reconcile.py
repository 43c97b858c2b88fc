"""Passes over the books: what is found, repaired, left, and over."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, final

import pytest

from adapters.inmemory.books import InMemoryBooks
from adapters.inmemory.store import InMemoryStore
from application.operations.ports import Books, Bounds
from application.operations.reconcile import TENANTS, Reconcile, ReconcileCommand, ReconcileResult
from domain.budget.account import Account, AccountKind, Balance
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from domain.operations.finding import Finding, FindingKind, Scope
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.receipts import SilentBell

DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class Service:
    """Tenants of whom nothing is open."""

    store: InMemoryStore = field(default_factory=InMemoryStore)
    clock: StoppedClock = field(default_factory=StoppedClock)
    identifiers: CountingIdentifiers = field(default_factory=CountingIdentifiers)
    books: InMemoryBooks = field(init=False)

    def __post_init__(self) -> None:
        self.books = InMemoryBooks(store=self.store, clock=self.clock)

    def tenant(self, held: int = 0) -> TenantId:
        """One whose account holds so much, of which nothing is open."""
        tenant_id = TenantId(self.identifiers.next())
        account = Account(AccountKind.TENANT, str(tenant_id))
        self.store.limits[tenant_id, account, Metric.TOKENS] = 1000
        place = tenant_id, account.id_in(tenant_id), Metric.TOKENS, self.clock.now().date()
        self.store.balances[place] = Balance(1000, held=held)
        return tenant_id

    async def reconcile(
        self,
        scope: Scope = Scope.RECENT,
        *,
        repair: bool = False,
        every: timedelta = DAY,
        books: Books | None = None,
    ) -> ReconcileResult | None:
        reconcile = Reconcile(books=books or self.books, bell=SilentBell(), bounds=Bounds())
        return await reconcile(
            ReconcileCommand(scope=scope, every=every, recent=DAY, repair=repair)
        )


@final
@dataclass(frozen=True, slots=True)
class TiredBooks:
    """Books in which looking at one tenant takes too long."""

    books: InMemoryBooks
    large: TenantId

    async def begin(self, scope: Scope, every: timedelta) -> bool:
        return await self.books.begin(scope, every)

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        return await self.books.tenants(after, limit)

    async def overdue(self, bounds: Bounds, limit: int) -> Sequence[Finding]:
        return await self.books.overdue(bounds, limit)

    async def check(self, tenant_id: TenantId, since: timedelta | None) -> Sequence[Finding]:
        if tenant_id == self.large:
            raise StorageUnavailableError
        return await self.books.check(tenant_id, since)

    async def repair_held(self, tenant_id: TenantId) -> bool:
        return await self.books.repair_held(tenant_id)

    async def keep(self, scope: Scope, findings: Sequence[Finding]) -> None:
        await self.books.keep(scope, findings)

    async def spare(self, scope: Scope, tenant_id: TenantId) -> None:
        await self.books.spare(scope, tenant_id)

    async def end(self, scope: Scope) -> None:
        await self.books.end(scope)


@pytest.fixture
def service() -> Service:
    return Service()


async def test_every_tenant_is_looked_at(service: Service) -> None:
    wrong = [service.tenant(held=1 if number % 100 == 0 else 0) for number in range(TENANTS + 1)]

    made = await service.reconcile()

    assert made == ReconcileResult(tenants=TENANTS + 1, found=3, repaired=0)
    assert {one.tenant_id for one in service.books.findings.values()} == set(wrong[::100])


async def test_what_is_safe_is_repaired_when_that_is_asked_for(service: Service) -> None:
    service.tenant(held=7)

    made = await service.reconcile(repair=True)

    assert made == ReconcileResult(tenants=1, found=1, repaired=1)
    assert [balance.held for balance in service.store.balances.values()] == [0]
    assert [one.repaired for one in service.books.findings.values()] == [True]


async def test_what_is_not_seen_again_is_over(service: Service) -> None:
    tenant_id = service.tenant(held=7)
    await service.reconcile()
    await service.books.repair_held(tenant_id)

    await service.reconcile(every=timedelta(0))

    assert service.books.findings == {}


async def test_what_a_look_at_everything_found_is_over_when_the_next_one_does_not(
    service: Service,
) -> None:
    service.tenant()
    for place, balance in service.store.balances.items():
        service.store.balances[place] = replace(balance, spent=7)
    await service.reconcile(Scope.WHOLE)
    await service.reconcile(Scope.RECENT)
    between = [one.kind for one in service.books.findings.values()]
    for place, balance in service.store.balances.items():
        service.store.balances[place] = replace(balance, spent=0)

    await service.reconcile(Scope.WHOLE, every=timedelta(0))

    assert between == [FindingKind.SPENT_UNEQUAL]
    assert service.books.findings == {}


async def test_a_tenant_that_cannot_be_looked_at_keeps_no_other_waiting(service: Service) -> None:
    wrong = [service.tenant(held=7) for _ in range(3)]
    await service.reconcile()
    known = service.books.findings.copy()
    await service.books.repair_held(wrong[2])

    made = await service.reconcile(every=timedelta(0), books=TiredBooks(service.books, wrong[0]))

    assert made == ReconcileResult(tenants=3, found=1, repaired=0, unchecked=(wrong[0],))
    assert {one.tenant_id for one in known.values()} == set(wrong)
    assert {one.tenant_id for one in service.books.findings.values()} == {wrong[0], wrong[1]}


async def test_a_pass_that_is_not_due_is_not_made(service: Service) -> None:
    await service.reconcile()

    assert await service.reconcile() is None

    service.clock.advance(DAY.total_seconds())
    assert await service.reconcile() is not None
