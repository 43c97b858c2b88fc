"""Passes over the books: what is found, repaired, left, and over."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import pytest

from adapters.inmemory.books import InMemoryBooks
from adapters.inmemory.store import InMemoryStore
from application.operations.ports import Bounds
from application.operations.reconcile import TENANTS, Reconcile, ReconcileCommand, ReconcileResult
from domain.budget.account import Account, AccountKind, Balance
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from domain.operations.finding import FindingKind, Scope
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
        self, scope: Scope = Scope.RECENT, *, repair: bool = False, every: timedelta = DAY
    ) -> ReconcileResult | None:
        reconcile = Reconcile(books=self.books, bell=SilentBell(), bounds=Bounds())
        return await reconcile(
            ReconcileCommand(scope=scope, every=every, recent=DAY, repair=repair)
        )


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


async def test_a_pass_that_is_not_due_is_not_made(service: Service) -> None:
    await service.reconcile()

    assert await service.reconcile() is None

    service.clock.advance(DAY.total_seconds())
    assert await service.reconcile() is not None
