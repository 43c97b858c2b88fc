"""Passes over the books: what is found, repaired, left, and over."""

from asyncio import CancelledError, Event, create_task
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, final

import pytest

from adapters.inmemory.books import InMemoryBooks
from adapters.inmemory.store import InMemoryStore
from application.operations.ports import BegunPass, Books, Bounds
from application.operations.reconcile import (
    TENANTS,
    Reconcile,
    ReconcileCommand,
    ReconcileResult,
    Unchecked,
)
from domain.budget.account import Account, AccountKind, Balance
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from domain.operations.finding import Finding, FindingKind, Look, Scope
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.receipts import SilentBell

DAY: Final = timedelta(days=1)


@final
@dataclass(frozen=True, slots=True)
class NotedLooks:
    """A `PassObserver` that keeps what it is told."""

    failed: list[tuple[Look, TenantId | None, Exception]] = field(
        default_factory=list[tuple[Look, TenantId | None, Exception]]
    )

    def unchecked(self, look: Look, tenant_id: TenantId | None, error: Exception) -> None:
        self.failed.append((look, tenant_id, error))


@dataclass(slots=True)
class Service:
    """Tenants of whom nothing is open."""

    store: InMemoryStore = field(default_factory=InMemoryStore)
    clock: StoppedClock = field(default_factory=StoppedClock)
    identifiers: CountingIdentifiers = field(default_factory=CountingIdentifiers)
    observer: NotedLooks = field(default_factory=NotedLooks)
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
        reconcile = Reconcile(
            books=books or self.books,
            bell=SilentBell(),
            bounds=Bounds(),
            observer=self.observer,
            renew_seconds=0.001,
        )
        return await reconcile(
            ReconcileCommand(scope=scope, every=every, recent=DAY, repair=repair)
        )


@final
@dataclass(slots=True)
class TroubledBooks:
    """Books in which one look fails; `looking` is done whenever a tenant is looked at."""

    books: InMemoryBooks
    trouble: Exception | None = None
    at: Look = Look.ACCOUNTS
    of: TenantId | None = None
    looking: Callable[[], Awaitable[object]] | None = None
    renewed: Event = field(default_factory=Event)

    async def begin(self, scope: Scope, every: timedelta) -> BegunPass | None:
        return await self.books.begin(scope, every)

    async def renew(self, begun: BegunPass) -> bool:
        mine = await self.books.renew(begun)
        self.renewed.set()
        return mine

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        return await self.books.tenants(after, limit)

    async def overdue(self, bounds: Bounds, limit: int) -> Sequence[Finding]:
        self._fail(Look.OVERDUE, None)
        return await self.books.overdue(bounds, limit)

    async def check(
        self, tenant_id: TenantId, look: Look, since: timedelta | None
    ) -> Sequence[Finding]:
        if self.looking is not None:
            await self.looking()
        self._fail(look, tenant_id)
        return await self.books.check(tenant_id, look, since)

    async def repair_held(self, tenant_id: TenantId) -> bool:
        return await self.books.repair_held(tenant_id)

    async def keep(self, begun: BegunPass, findings: Sequence[Finding]) -> bool:
        return await self.books.keep(begun, findings)

    async def spare(self, begun: BegunPass, look: Look, tenant_id: TenantId | None) -> bool:
        return await self.books.spare(begun, look, tenant_id)

    async def end(self, begun: BegunPass) -> bool:
        return await self.books.end(begun)

    async def give_back(self, begun: BegunPass) -> None:
        await self.books.give_back(begun)

    def _fail(self, look: Look, tenant_id: TenantId | None) -> None:
        if self.trouble is not None and (look, tenant_id) == (self.at, self.of):
            raise self.trouble


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


@pytest.mark.parametrize("trouble", [StorageUnavailableError(), ValueError("no such metric")])
async def test_a_look_that_fails_keeps_no_other_waiting(
    service: Service, trouble: Exception
) -> None:
    wrong = [service.tenant(held=7) for _ in range(3)]
    await service.reconcile()
    known = service.books.findings.copy()
    await service.books.repair_held(wrong[2])

    troubled = TroubledBooks(service.books, trouble, of=wrong[0])
    made = await service.reconcile(every=timedelta(0), books=troubled)

    unchecked = Unchecked(Look.ACCOUNTS, wrong[0])
    assert made == ReconcileResult(tenants=3, found=1, repaired=0, unchecked=(unchecked,))
    assert service.observer.failed == [(Look.ACCOUNTS, wrong[0], trouble)]
    assert {one.tenant_id for one in known.values()} == set(wrong)
    assert {one.tenant_id for one in service.books.findings.values()} == {wrong[0], wrong[1]}


async def test_what_is_overdue_is_one_look_of_several(service: Service) -> None:
    service.tenant(held=7)
    troubled = TroubledBooks(service.books, ValueError("broken"), Look.OVERDUE)

    made = await service.reconcile(books=troubled)

    assert made is not None
    assert (made.found, made.unchecked) == (1, (Unchecked(Look.OVERDUE, None),))


async def test_a_look_that_fails_lets_what_others_found_be_over(service: Service) -> None:
    tenant_id = service.tenant(held=7)
    await service.reconcile()
    await service.books.repair_held(tenant_id)

    troubled = TroubledBooks(service.books, ValueError("broken"), Look.TURNS, tenant_id)
    await service.reconcile(every=timedelta(0), books=troubled)

    assert service.books.findings == {}


async def test_a_pass_is_held_while_one_look_takes_long(service: Service) -> None:
    service.tenant(held=7)
    troubled = TroubledBooks(service.books)

    async def linger() -> None:
        service.clock.advance(service.books.lease.total_seconds() * 0.9)
        troubled.renewed.clear()
        await troubled.renewed.wait()
        service.clock.advance(service.books.lease.total_seconds() * 0.9)
        assert await service.books.begin(Scope.RECENT, timedelta(0)) is None

    troubled.looking = linger

    made = await service.reconcile(books=troubled)

    assert made == ReconcileResult(tenants=1, found=1)


async def test_what_a_pass_finds_that_was_lost_is_not_written(service: Service) -> None:
    service.tenant(held=7)
    troubled = TroubledBooks(service.books)
    taken = list[BegunPass | None]()

    async def stand_still() -> None:
        service.clock.advance(service.books.lease.total_seconds() + 1)
        taken.append(await service.books.begin(Scope.RECENT, timedelta(0)))

    troubled.looking = stand_still

    made = await service.reconcile(books=troubled)

    assert made == ReconcileResult(ended=False)
    (other,) = taken
    assert other is not None
    assert await service.books.end(other)
    assert service.books.findings == {}


async def test_a_pass_that_is_cancelled_is_given_back(service: Service) -> None:
    service.tenant(held=7)
    troubled, looking = TroubledBooks(service.books), Event()

    async def hang() -> None:
        looking.set()
        await Event().wait()

    troubled.looking = hang
    passing = create_task(service.reconcile(books=troubled))
    await looking.wait()

    passing.cancel()
    with pytest.raises(CancelledError):
        await passing

    assert await service.reconcile() == ReconcileResult(tenants=1, found=1)


async def test_a_pass_that_is_not_due_is_not_made(service: Service) -> None:
    await service.reconcile()

    assert await service.reconcile() is None

    service.clock.advance(DAY.total_seconds())
    assert await service.reconcile() is not None
