"""Tenants whose books are looked over, and looks and renewals that fail."""

from asyncio import Event
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, final

from adapters.inmemory.books import InMemoryBooks
from adapters.inmemory.store import InMemoryStore
from application.operations.ports import BegunPass, Books, Bounds
from application.operations.reconcile import (
    Reconcile,
    ReconcileCommand,
    ReconcileResult,
)
from domain.budget.account import Account, AccountKind, Balance
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from domain.operations.finding import Finding, Look, Scope
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
    unrenewals: list[tuple[Scope, Exception]] = field(default_factory=list[tuple[Scope, Exception]])

    def unchecked(self, look: Look, tenant_id: TenantId | None, error: Exception) -> None:
        self.failed.append((look, tenant_id, error))

    def unrenewed(self, scope: Scope, error: Exception) -> None:
        self.unrenewals.append((scope, error))


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
    """Books in which one look fails; `looking` is done whenever a tenant is looked at.

    `kept` is what was written down; renewals fail with `unrenewable`, one after the other.
    """

    books: InMemoryBooks
    trouble: Exception | None = None
    at: Look = Look.ACCOUNTS
    of: TenantId | None = None
    looking: Callable[[], Awaitable[object]] | None = None
    unrenewable: list[Exception] = field(default_factory=list[Exception])
    kept: list[Sequence[Finding]] = field(default_factory=list[Sequence[Finding]])
    renewed: Event = field(default_factory=Event)

    async def begin(self, scope: Scope, every: timedelta) -> BegunPass | None:
        return await self.books.begin(scope, every)

    async def renew(self, begun: BegunPass) -> bool:
        if self.unrenewable:
            raise self.unrenewable.pop()
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
        self.kept.append(findings)
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
