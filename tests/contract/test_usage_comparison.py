"""What is booked is what is billed, of whatever used it: against every adapter of the port."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from adapters.postgres.database import DatabaseSettings
from adapters.postgres.reconciliation import PostgresBooks
from adapters.system.clock import SystemClock
from domain.kernel.identifiers import TurnId
from domain.operations.finding import FindingKind
from tests.contract.auditing import Audit, auditing, is_inmemory
from tests.contract.commands import Commands
from tests.fakes import CountingIdentifiers


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


@pytest.mark.parametrize("slice_size", [1, 2, 2000])
async def test_usage_is_compared_slice_by_slice(audit: Audit, slice_size: int) -> None:
    in_slices = sliced(audit, slice_size=slice_size, most_suspects=1)
    for _ in range(5):
        turn_id = await audit.scene.running(20)
        await audit.scene.kernel.one.journal.finish(audit.finish(turn_id, 10))
    scenery = await audit.prepare()

    assert await in_slices.found() == []
    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, scenery)

    assert [one.reference for one in await in_slices.found()] == [str(scenery.ended)]


async def test_turns_that_agree_are_not_looked_at_one_by_one(audit: Audit) -> None:
    await audit.prepare()

    assert await sliced(audit, slice_size=1, most_suspects=0).found() == []


async def test_what_was_not_looked_at_is_told(audit: Audit) -> None:
    scenery = await audit.prepare()
    await audit.planter.plant(FindingKind.USAGE_UNEQUAL, scenery)

    (found,) = await sliced(audit, slice_size=2000, most_suspects=0).found()

    assert found.reference == str(scenery.ended)
    assert is_inmemory(audit) or found.detail.startswith("seems so of 1,")


def sliced(audit: Audit, *, slice_size: int, most_suspects: int) -> Audit:
    """The same; in process memory there are no slices."""
    if not isinstance(audit.books, PostgresBooks):
        return audit
    usage = replace(audit.books.usage, slice_size=slice_size, most_suspects=most_suspects)
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

    (found,) = await sliced(audit, slice_size=slice_size, most_suspects=1).found(whole=False)
    assert (found.kind, found.reference) == (FindingKind.USAGE_UNEQUAL, str(reference))
    assert is_inmemory(audit) or found.detail.startswith(f"{what}: ledger ")
