"""What must not exist is found, and what is sound is not: against every adapter of the port."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from psycopg import AsyncConnection

from adapters.inmemory.books import InMemoryBooks
from adapters.postgres.database import DatabaseSettings
from adapters.postgres.reconciliation import PostgresBooks
from adapters.system.clock import SystemClock
from application.operations.ports import BegunPass
from domain.budget.account import Use
from domain.kernel.identifiers import InvocationId, ReservationId
from domain.kernel.metering import Metric
from domain.operations.finding import FindingKind, Look, Scope
from domain.tools.invocation import InvocationState
from tests.contract.auditing import HOUR, Audit, auditing, is_inmemory
from tests.contract.commands import Commands
from tests.contract.postgres_server import owner_url
from tests.contract.usage import used_alone
from tests.contract.wrongs import Scenery
from tests.fakes import CountingIdentifiers

ALWAYS: Final = timedelta(0)

UNWATCHED: Final = {FindingKind.EVENT_OVERDUE, FindingKind.RECORD_OVERDUE}
"""In process memory nothing waits to be published or sealed."""


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
    async with auditing(settings, ask) as opened:
        yield opened


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


async def test_use_that_no_account_bears_is_found(audit: Audit) -> None:
    scenery = await audit.prepare()
    await audit.planter.unbear(scenery)

    (found,) = await audit.found()

    assert found.kind is FindingKind.SPENT_UNEQUAL
    assert found.reference.startswith(f"{scenery.tenant_id}/{Metric.TOKENS.code}/")


async def test_use_that_the_tenant_has_no_limit_for_is_sound(audit: Audit) -> None:
    scenery, budgets, ask = await audit.prepare(), audit.scene.kernel.budgets, audit.scene.ask
    used = Use(Metric.IMAGES, 7, 1)
    told = used_alone(ask, scenery.reservation_id, 7)
    line = replace(told.lines[0], metric=Metric.IMAGES)

    await budgets.settle(
        ask.tenant_id, scenery.reservation_id, (used,), (replace(told, lines=(line,)),)
    )

    assert await audit.found() == []


async def test_what_was_used_before_the_tenant_had_a_limit_is_sound(audit: Audit) -> None:
    scenery, budgets, ask = await audit.prepare(), audit.scene.kernel.budgets, audit.scene.ask
    told = used_alone(ask, scenery.reservation_id, 7)
    line = replace(told.lines[0], metric=Metric.IMAGES)
    await budgets.settle(
        ask.tenant_id,
        scenery.reservation_id,
        (Use(Metric.IMAGES, 7, 1),),
        (replace(told, lines=(line,)),),
    )

    await audit.scene.limit(ask.account, 100, Metric.IMAGES)

    assert await audit.found() == []


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
        settled=ReservationId(turn_id),
        called=InvocationId(turn_id),
    )
    await audit.planter.plant(FindingKind.HELD_UNEQUAL, scenery)

    assert await audit.books.repair_held(scenery.tenant_id)
    assert await audit.found() == []
    assert await audit.scene.tokens() == (40, 0, 0)


async def begun(audit: Audit, scope: Scope = Scope.RECENT) -> BegunPass:
    made = await audit.books.begin(scope, ALWAYS)
    assert made is not None
    return made


@pytest.mark.parametrize("of_all", [False, True])
async def test_what_a_look_that_failed_had_found_before_stays(
    audit: Audit, settings: DatabaseSettings | None, *, of_all: bool
) -> None:
    scenery, books = await audit.prepare(), audit.books
    await audit.planter.plant(FindingKind.HELD_UNEQUAL, scenery)
    first = await begun(audit)
    assert await books.keep(first, await audit.found(whole=False))
    assert await books.end(first)
    before = await kept(audit, settings)

    second = await begun(audit)
    spared = None if of_all else scenery.tenant_id
    assert await books.spare(second, Look.ACCOUNTS, spared)
    assert await books.end(second)

    assert await kept(audit, settings) == before > 0
    third = await begun(audit)
    assert await books.spare(third, Look.TURNS, scenery.tenant_id)
    assert await books.end(third)
    assert await kept(audit, settings) == 0


async def test_a_pass_that_another_server_took_over_writes_nothing(
    audit: Audit, settings: DatabaseSettings | None
) -> None:
    await audit.planter.plant(FindingKind.HELD_UNEQUAL, await audit.prepare())
    found = await audit.found(whole=False)
    lost = await begun(hurried(audit))
    taken = await begun(audit)

    assert not await audit.books.renew(lost)
    assert not await audit.books.keep(lost, found)
    assert not await audit.books.spare(lost, Look.ACCOUNTS, None)
    assert not await audit.books.end(lost)
    await audit.books.give_back(lost)

    assert await audit.books.begin(Scope.RECENT, ALWAYS) is None
    assert await audit.books.end(taken)
    assert await kept(audit, settings) == 0


async def test_a_pass_that_nobody_took_over_is_still_its_servers(audit: Audit) -> None:
    made = await begun(hurried(audit))

    assert await audit.books.renew(made)

    assert await audit.books.begin(Scope.RECENT, ALWAYS) is None


async def test_a_pass_that_is_given_back_is_due(audit: Audit) -> None:
    made = await begun(audit)

    await audit.books.give_back(made)

    assert not await audit.books.keep(made, ())
    assert await audit.books.begin(Scope.RECENT, HOUR)


def hurried(audit: Audit) -> Audit:
    """The same, where a pass is over at once when nobody renews it."""
    books = audit.books
    assert isinstance(books, InMemoryBooks | PostgresBooks)
    return replace(audit, books=replace(books, lease=ALWAYS))


async def kept(audit: Audit, settings: DatabaseSettings | None) -> int:
    """How many findings are written down."""
    if isinstance(audit.books, InMemoryBooks):
        return len(audit.books.findings)
    assert settings is not None
    async with await AsyncConnection.connect(owner_url(settings)) as superuser:
        return len(await (await superuser.execute("select from findings")).fetchall())


async def test_a_pass_is_of_one_server_and_due_after_its_interval(audit: Audit) -> None:
    books = audit.books

    made = await begun(audit)
    assert await books.begin(Scope.RECENT, ALWAYS) is None
    assert await books.begin(Scope.WHOLE, HOUR)
    await books.end(made)

    assert await books.begin(Scope.RECENT, HOUR) is None
    assert await books.begin(Scope.RECENT, ALWAYS)


async def test_tenants_are_named_in_pages(audit: Audit) -> None:
    tenant_id = audit.scene.ask.tenant_id

    assert tenant_id in await audit.books.tenants(None, 10)
    assert list(await audit.books.tenants(tenant_id, 10)) == []
