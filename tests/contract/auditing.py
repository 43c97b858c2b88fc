"""A tenant at work, and the books that are held against what is kept of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from typing import Final

from psycopg import AsyncConnection

from adapters.inmemory.books import InMemoryBooks
from adapters.inmemory.store import InMemoryStore
from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.reconciliation import PostgresBooks
from adapters.postgres.usage_books import UsageBooks
from adapters.protobuf.usage import read_usage
from application.budget.ports import Limit
from application.conversation.ports.journal import FinishTurn
from application.operations.ports import Books, Bounds
from domain.budget.account import Account, AccountKind, Use
from domain.kernel.identifiers import InvocationId, ReservationId, TurnId
from domain.kernel.metering import Metric
from domain.operations.finding import OF_TENANT, Finding
from tests.contract.commands import Commands, outcome, tokens
from tests.contract.inmemory_kernel import kernel_on
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.contract.scene import Scene
from tests.contract.usage import used, used_alone, used_by_call
from tests.contract.wrongs import InMemoryPlanter, Planter, PostgresPlanter, Scenery
from tests.fakes import StoppedClock

HOUR: Final = timedelta(hours=1)
BOUNDS: Final = Bounds(
    lease=timedelta(seconds=30), open=timedelta(minutes=5), unpublished=HOUR, unsealed=HOUR
)


@dataclass(frozen=True, slots=True)
class Audit:
    """A tenant at work, the books that are looked into, and who spoils them."""

    scene: Scene
    books: Books
    planter: Planter

    async def prepare(self) -> Scenery:
        """Complete a turn, run another, hold a reservation, settle one, and make a call."""
        journal, ask = self.scene.kernel.one.journal, self.scene.ask
        await self.scene.limit(Account(AccountKind.USER, "ada"), None)
        ended = (await journal.accept(ask.accept(ask.hold(50), ask.hold(50, user="ada")))).turn_id
        await journal.finish(self.finish(ended, 40))
        reservation = await self.scene.kernel.budgets.reserve(ask.reserve(ask.hold(5)))
        running = await self.scene.running()
        waiting = (await journal.accept(ask.accept(ask.hold(9)))).turn_id
        assert waiting != running
        return Scenery(
            tenant_id=ask.tenant_id,
            running=running,
            ended=ended,
            reservation_id=reservation.id,
            call_id=InvocationId(ask.identifiers.next()),
            settled=await self._settle(),
            called=await self._call(),
        )

    async def _settle(self) -> ReservationId:
        budgets, ask = self.scene.kernel.budgets, self.scene.ask
        held = (await budgets.reserve(ask.reserve(ask.hold(6)))).id
        await budgets.settle(ask.tenant_id, held, (tokens(4),), (used_alone(ask, held, 4),))
        return held

    async def _call(self) -> InvocationId:
        kernel, ask = self.scene.kernel, self.scene.ask
        limit = Limit(ask.account, Metric.TOOL_CALLS, 10)
        await kernel.budgets.set_limit(ask.tenant_id, limit, etag="", request=ask.request())
        held = await kernel.budgets.reserve(ask.reserve(ask.hold(1, Metric.TOOL_CALLS)))
        call = await kernel.effects.begin(ask.call(None), "r", b"", reservation_id=held.id)
        await kernel.effects.finish(
            replace(
                outcome(call),
                outgoing=(replace(ask.fact(), key=ask.tenant_id),),
                uses=(Use(Metric.TOOL_CALLS, 1, 1),),
                usage=used_by_call(ask, call.id),
            )
        )
        return call.id

    def finish(self, turn_id: TurnId, amount: int) -> FinishTurn:
        ask = self.scene.ask
        command = ask.finish(turn_id, tokens(amount))
        return replace(command, outgoing=(*command.outgoing, used(ask, turn_id, amount)))

    async def found(self, *, whole: bool = True) -> list[Finding]:
        tenant_id = self.scene.ask.tenant_id
        overdue = await self.books.overdue(BOUNDS, 1000)
        since = None if whole else 10**4 * HOUR
        checked = [await self.books.check(tenant_id, look, since) for look in OF_TENANT]
        return [*(one for one in overdue if one.tenant_id == tenant_id), *chain(*checked)]


@asynccontextmanager
async def auditing(settings: DatabaseSettings | None, ask: Commands) -> AsyncGenerator[Audit]:
    """Without settings: in process memory."""
    if settings is None:
        store, clock = InMemoryStore(), StoppedClock()
        yield Audit(
            await _scene_of(kernel_on(store, clock), ask),
            InMemoryBooks(store=store, clock=clock),
            InMemoryPlanter(store, clock),
        )
        return
    async with (
        open_database(settings) as database,
        postgres_kernel(database) as kernel,
        await AsyncConnection.connect(owner_url(settings), autocommit=True) as superuser,
    ):
        books = PostgresBooks(
            database=database, usage=UsageBooks(database=database, read_usage=read_usage)
        )
        yield Audit(await _scene_of(kernel, ask), books, PostgresPlanter(superuser))


async def _scene_of(kernel: Kernel, ask: Commands) -> Scene:
    await kernel.administrator.open_tenant(ask.tenant_id)
    await kernel.administrator.open_session(ask.session())
    scene = Scene(kernel, ask)
    await scene.limit(ask.account, 1000)
    return scene


def is_inmemory(audit: Audit) -> bool:
    return isinstance(audit.books, InMemoryBooks)
