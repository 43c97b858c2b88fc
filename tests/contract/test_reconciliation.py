"""What must not exist is found, and what is sound is not: against every adapter of the port."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import pytest
from psycopg import AsyncConnection

from adapters.inmemory.books import InMemoryBooks
from adapters.inmemory.store import InMemoryStore
from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.reconciliation import PostgresBooks
from adapters.protobuf.usage import read_usage
from adapters.system.clock import SystemClock
from application.conversation.ports.journal import FinishTurn
from application.operations.ports import Books, Bounds
from domain.budget.account import Account, AccountKind
from domain.kernel.identifiers import InvocationId, ReservationId, TurnId
from domain.operations.finding import Finding, FindingKind, Scope
from domain.tools.invocation import InvocationState
from tests.contract.commands import Commands, tokens
from tests.contract.inmemory_kernel import kernel_on
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.contract.scene import Scene
from tests.contract.usage import used
from tests.contract.wrongs import InMemoryPlanter, Planter, PostgresPlanter, Scenery
from tests.fakes import CountingIdentifiers, StoppedClock

HOUR: Final = timedelta(hours=1)
ALWAYS: Final = timedelta(0)
BOUNDS: Final = Bounds(
    lease=timedelta(seconds=30), open=timedelta(minutes=5), unpublished=HOUR, unsealed=HOUR
)

UNWATCHED: Final = {FindingKind.EVENT_OVERDUE, FindingKind.RECORD_OVERDUE}
"""In process memory nothing waits to be published or sealed."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A tenant at work, the books that are looked into, and who spoils them."""

    scene: Scene
    books: Books
    planter: Planter

    async def prepare(self) -> Scenery:
        """Complete a turn, run another, hold a reservation."""
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
        )

    def finish(self, turn_id: TurnId, amount: int) -> FinishTurn:
        ask = self.scene.ask
        command = ask.finish(turn_id, tokens(amount))
        return replace(command, outgoing=(*command.outgoing, used(ask, turn_id, amount)))

    async def found(self, *, whole: bool = True) -> list[Finding]:
        tenant_id = self.scene.ask.tenant_id
        overdue = await self.books.overdue(BOUNDS, 1000)
        checked = await self.books.check(tenant_id, None if whole else 10**4 * HOUR)
        return [*(one for one in overdue if one.tenant_id == tenant_id), *checked]


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest) -> DatabaseSettings | None:
    """A new database; None for the kernel in process memory."""
    if request.param == "inmemory":
        return None
    fresh: DatabaseSettings = request.getfixturevalue("fresh_settings")
    return fresh


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Commands:
    """Commands whose identifiers are of now: usage is compared as long as its events are kept."""
    return Commands.fresh(CountingIdentifiers(request.node.nodeid, SystemClock().now()))


@pytest.fixture
async def audit(settings: DatabaseSettings | None, ask: Commands) -> AsyncGenerator[Audit]:
    if settings is None:
        store, clock = InMemoryStore(), StoppedClock()
        yield Audit(
            await scene_of(kernel_on(store, clock), ask),
            InMemoryBooks(store=store, clock=clock),
            InMemoryPlanter(store, clock),
        )
        return
    async with (
        open_database(settings) as database,
        postgres_kernel(database) as kernel,
        await AsyncConnection.connect(owner_url(settings), autocommit=True) as superuser,
    ):
        books = PostgresBooks(database=database, read_usage=read_usage)
        yield Audit(await scene_of(kernel, ask), books, PostgresPlanter(superuser))


async def scene_of(kernel: Kernel, ask: Commands) -> Scene:
    await kernel.administrator.open_tenant(ask.tenant_id)
    await kernel.administrator.open_session(ask.session())
    scene = Scene(kernel, ask)
    await scene.limit(ask.account, 1000)
    return scene


def is_inmemory(audit: Audit) -> bool:
    return isinstance(audit.books, InMemoryBooks)


async def test_a_tenant_at_work_is_sound(audit: Audit) -> None:
    await audit.prepare()

    assert await audit.found() == []
    assert await audit.found(whole=False) == []


@pytest.mark.parametrize("kind", FindingKind)
async def test_what_must_not_exist_is_found(audit: Audit, kind: FindingKind) -> None:
    if is_inmemory(audit) and kind in UNWATCHED:
        assert kind not in {one.kind for one in await audit.found()}
        return
    scenery = await audit.prepare()

    await audit.planter.plant(kind, scenery)

    found = await audit.found()
    assert {one.kind for one in found} == {kind}
    assert {one.tenant_id for one in found} == {scenery.tenant_id}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (FindingKind.TURN_OVERDUE, "running"),
        (FindingKind.RESERVATION_OVERDUE, "reservation_id"),
        (FindingKind.CALL_OVERDUE, "call_id"),
        (FindingKind.CALL_UNENDED, "call_id"),
        (FindingKind.CALL_WITHOUT_TURN, "call_id"),
        (FindingKind.TURN_UNRECORDED, "ended"),
        (FindingKind.USAGE_UNEQUAL, "ended"),
        (FindingKind.RECORD_MISSING, "tenant_id"),
    ],
)
async def test_a_finding_names_what_is_wrong(audit: Audit, kind: FindingKind, name: str) -> None:
    scenery = await audit.prepare()
    await audit.planter.plant(kind, scenery)

    (found,) = await audit.found()

    assert found.reference == str(getattr(scenery, name))


async def test_sums_of_whole_months_are_looked_at_with_everything_alone(audit: Audit) -> None:
    await audit.planter.plant(FindingKind.SPENT_UNEQUAL, await audit.prepare())

    assert await audit.found(whole=False) == []
    assert {one.kind for one in await audit.found()} == {FindingKind.SPENT_UNEQUAL}


@pytest.mark.parametrize("slice_turns", [1, 2, 2000])
async def test_usage_is_compared_slice_by_slice(audit: Audit, slice_turns: int) -> None:
    in_slices = sliced(audit, slice_turns=slice_turns, most_suspects=1)
    for _ in range(5):
        turn_id = await audit.scene.running(20)
        await audit.scene.kernel.one.journal.finish(audit.finish(turn_id, 10))
    scenery = await audit.prepare()

    assert await in_slices.found() == []
    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, scenery)

    assert [one.reference for one in await in_slices.found()] == [str(scenery.ended)]


async def test_turns_that_agree_are_not_looked_at_one_by_one(audit: Audit) -> None:
    await audit.prepare()

    assert await sliced(audit, slice_turns=1, most_suspects=0).found() == []


async def test_what_was_not_looked_at_is_told(audit: Audit) -> None:
    scenery = await audit.prepare()
    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, scenery)

    (found,) = await sliced(audit, slice_turns=2000, most_suspects=0).found()

    assert found.reference == str(scenery.ended)
    assert is_inmemory(audit) or found.detail.startswith("seems so of 1 turns")


def sliced(audit: Audit, *, slice_turns: int, most_suspects: int) -> Audit:
    """The same; in process memory there are no slices."""
    if not isinstance(audit.books, PostgresBooks):
        return audit
    books = replace(audit.books, slice_turns=slice_turns, most_suspects=most_suspects)
    return replace(audit, books=books)


async def test_what_is_held_is_left_while_anything_is_open(audit: Audit) -> None:
    await audit.planter.plant(FindingKind.HELD_UNEQUAL, await audit.prepare())

    assert not await audit.books.repair_held(audit.scene.ask.tenant_id)
    assert {one.kind for one in await audit.found()} == {FindingKind.HELD_UNEQUAL}


@pytest.mark.parametrize("paused", [False, True])
async def test_what_a_turn_that_waits_holds_is_left(audit: Audit, *, paused: bool) -> None:
    journal, ask = audit.scene.kernel.one.journal, audit.scene.ask
    ahead = (await journal.accept(ask.accept())).turn_id
    await journal.accept(ask.accept(ask.hold(9)))
    if paused:
        call = ask.call(ahead, InvocationState.PENDING_APPROVAL)
        await journal.pause(ask.pause(ahead, waiting=[call]))

    assert not await audit.books.repair_held(ask.tenant_id)
    assert await audit.scene.tokens() == (0, 9, 0)


async def test_what_is_held_is_repaired_when_nothing_is_open(audit: Audit) -> None:
    turn_id = await audit.scene.running(60)
    await audit.scene.kernel.one.journal.finish(audit.finish(turn_id, 40))
    scenery = Scenery(
        tenant_id=audit.scene.ask.tenant_id,
        running=turn_id,
        ended=turn_id,
        reservation_id=ReservationId(turn_id),
        call_id=InvocationId(turn_id),
    )
    await audit.planter.plant(FindingKind.HELD_UNEQUAL, scenery)

    assert await audit.books.repair_held(scenery.tenant_id)
    assert await audit.found() == []
    assert await audit.scene.tokens() == (40, 0, 0)


async def test_what_was_found_of_a_tenant_that_is_spared_stays(
    audit: Audit, settings: DatabaseSettings | None
) -> None:
    scenery = await audit.prepare()
    await audit.planter.plant(FindingKind.HELD_UNEQUAL, scenery)
    await audit.books.begin(Scope.RECENT, ALWAYS)
    await audit.books.keep(Scope.RECENT, await audit.found(whole=False))
    await audit.books.end(Scope.RECENT)
    before = await kept(audit, settings)

    await audit.books.begin(Scope.RECENT, ALWAYS)
    await audit.books.spare(Scope.RECENT, scenery.tenant_id)
    await audit.books.end(Scope.RECENT)

    assert await kept(audit, settings) == before > 0
    await audit.books.begin(Scope.RECENT, ALWAYS)
    await audit.books.end(Scope.RECENT)
    assert await kept(audit, settings) == 0


async def kept(audit: Audit, settings: DatabaseSettings | None) -> int:
    """How many findings are written down."""
    if isinstance(audit.books, InMemoryBooks):
        return len(audit.books.findings)
    assert settings is not None
    async with await AsyncConnection.connect(owner_url(settings)) as superuser:
        return len(await (await superuser.execute("select from findings")).fetchall())


async def test_a_pass_is_of_one_server_and_due_after_its_interval(audit: Audit) -> None:
    books = audit.books

    assert await books.begin(Scope.RECENT, HOUR)
    assert not await books.begin(Scope.RECENT, ALWAYS)
    assert await books.begin(Scope.WHOLE, HOUR)
    await books.end(Scope.RECENT)

    assert not await books.begin(Scope.RECENT, HOUR)
    assert await books.begin(Scope.RECENT, ALWAYS)


async def test_tenants_are_named_in_pages(audit: Audit) -> None:
    tenant_id = audit.scene.ask.tenant_id

    assert tenant_id in await audit.books.tenants(None, 10)
    assert list(await audit.books.tenants(tenant_id, 10)) == []
