"""What is booked is what is billed, of whatever used it: against every adapter of the port."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from adapters.postgres.database import DatabaseSettings
from adapters.postgres.reconciliation import PostgresBooks
from adapters.system.clock import SystemClock
from domain.kernel.identifiers import ReservationId, TurnId
from domain.operations.finding import FindingKind
from tests.contract.auditing import Audit, auditing, is_inmemory
from tests.contract.commands import Commands, tokens
from tests.contract.usage import used_alone
from tests.contract.wrongs import PostgresPlanter
from tests.fakes import CountingIdentifiers


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest) -> DatabaseSettings | None:
    """A new database; None for the kernel in process memory."""
    if request.param == "inmemory":
        return None
    fresh: DatabaseSettings = request.getfixturevalue("fresh_settings")
    return fresh


only_postgres: Final = pytest.mark.parametrize(
    "settings",
    [pytest.param("postgres", marks=pytest.mark.postgres)],
    indirect=True,
)
"""Of a database that was upgraded: nothing in process memory is older than this process."""

DAY: Final = timedelta(days=1)


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Commands:
    """Commands whose identifiers are of now: usage is compared as long as its events are kept."""
    return Commands.fresh(CountingIdentifiers(request.node.nodeid, SystemClock().now()))


@pytest.fixture
async def audit(settings: DatabaseSettings | None, ask: Commands) -> AsyncGenerator[Audit]:
    async with auditing(settings, ask) as opened:
        yield opened


@pytest.mark.parametrize("slice_size", [1, 2, 2000])
async def test_usage_is_compared_slice_by_slice(audit: Audit, slice_size: int) -> None:
    in_slices = sliced(audit, slice_size=slice_size, suspects=1)
    for _ in range(5):
        turn_id = await audit.scene.running(20)
        await audit.scene.kernel.one.journal.finish(audit.finish(turn_id, 10))
    scenery = await audit.prepare()

    assert await in_slices.found() == []
    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, scenery)

    assert [one.reference for one in await in_slices.found()] == [str(scenery.ended)]


@pytest.mark.parametrize("suspects", [2, 1000])
async def test_every_one_that_differs_is_named_however_many_do(audit: Audit, suspects: int) -> None:
    scenery = await audit.prepare()
    wrong = [scenery.ended, scenery.settled, scenery.called]
    for reference in wrong:
        spoilt = replace(scenery, ended=TurnId(reference))
        await audit.planter.plant(FindingKind.USAGE_UNEQUAL, spoilt)

    found = await sliced(audit, slice_size=2000, suspects=suspects).found(whole=False)

    assert {one.reference for one in found} == {str(one) for one in wrong}


@pytest.mark.parametrize("suspects", [1, 2, 1000])
async def test_what_is_settled_hours_after_it_was_identified_agrees(
    audit: Audit, suspects: int
) -> None:
    await named_for(audit, DAY)
    late = [await settle(audit, hours=hours) for hours in (5, 4, 3, 2)]
    books = sliced(audit, slice_size=1, suspects=suspects)

    assert await books.found() == []

    wrong = replace(await audit.prepare(), ended=TurnId(late[1]))
    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, wrong)
    assert [one.reference for one in await books.found(whole=False)] == [str(late[1])]


@only_postgres
async def test_what_was_used_while_some_servers_named_turns_alone_is_not_compared(
    audit: Audit,
) -> None:
    await settle(audit, named=False)
    scenery = await audit.prepare()
    for reference in (scenery.ended, scenery.settled, scenery.called):
        spoilt = replace(scenery, ended=TurnId(reference))
        await audit.planter.plant(FindingKind.USAGE_UNEQUAL, spoilt)

    found = await audit.found(whole=False)

    assert [one.reference for one in found] == [str(scenery.ended)]


@only_postgres
async def test_what_is_named_hours_after_the_last_that_is_not_is_compared(audit: Audit) -> None:
    await named_for(audit, DAY)
    await settle(audit, hours=3, named=False, told_hours=2)
    scenery = await audit.prepare()
    wrong = replace(scenery, ended=TurnId(scenery.settled))
    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, wrong)

    found = await audit.found(whole=False)

    assert [one.reference for one in found] == [str(scenery.settled)]


@only_postgres
async def test_what_is_older_than_the_names_of_events_is_not_compared(audit: Audit) -> None:
    await named_for(audit, -DAY)
    scenery = await audit.prepare()
    for reference in (scenery.ended, scenery.settled, scenery.called):
        spoilt = replace(scenery, ended=TurnId(reference))
        await audit.planter.plant(FindingKind.USAGE_UNEQUAL, spoilt)

    found = await audit.found(whole=False)

    assert [one.reference for one in found] == [str(scenery.ended)]


async def settle(
    audit: Audit, *, hours: int = 0, told_hours: int = 0, named: bool = True
) -> ReservationId:
    """Settle a reservation of so many hours ago; its event is of now, or of some hours ago."""
    budgets, ask = audit.scene.kernel.budgets, audit.scene.ask
    held = (await budgets.reserve(earlier(ask, hours).reserve(ask.hold(6)))).id
    event = used_alone(earlier(ask, told_hours, f"told {held}"), held, 4)
    told = event if named else replace(event, reservation_id=None)
    await budgets.settle(ask.tenant_id, held, (tokens(4),), (told,))
    return held


def earlier(ask: Commands, hours: int, seed: str = "") -> Commands:
    """The same tenant's, with identifiers of so many hours ago."""
    seed = seed or f"{hours} {ask.identifiers.next()}"
    at = SystemClock().now() - timedelta(hours=hours)
    return replace(ask, identifiers=CountingIdentifiers(seed, at))


async def named_for(audit: Audit, time: timedelta) -> None:
    """Let events name what they are about since then; in process memory they always do."""
    if isinstance(audit.planter, PostgresPlanter):
        await audit.planter.superuser.execute("update usage_naming set since = now() - %s", (time,))


def sliced(audit: Audit, *, slice_size: int, suspects: int) -> Audit:
    """The same; in process memory there are no slices."""
    if not isinstance(audit.books, PostgresBooks):
        return audit
    usage = replace(audit.books.usage, slice_size=slice_size, suspects=suspects)
    return replace(audit, books=replace(audit.books, usage=usage))


@pytest.mark.parametrize(
    ("name", "what"),
    [("ended", "turn"), ("called", "call"), ("settled", "reservation")],
)
@pytest.mark.parametrize("slice_size", [1, 2000])
async def test_whatever_used_it_is_compared(
    audit: Audit, name: str, what: str, slice_size: int
) -> None:
    scenery = await audit.prepare()
    reference = getattr(scenery, name)
    spoilt = replace(scenery, ended=TurnId(reference))

    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, spoilt)

    (found,) = await sliced(audit, slice_size=slice_size, suspects=1).found(whole=False)
    assert (found.kind, found.reference) == (FindingKind.USAGE_UNEQUAL, str(reference))
    assert found.detail.partition("ledger ")[0] == ("" if is_inmemory(audit) else f"{what}: ")
