"""What is found of all tenants: none with much of it keeps another waiting."""

import pytest

from adapters.postgres.database import Database
from domain.kernel.identifiers import SessionId, TurnId
from tests.contract.commands import Commands
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres


async def running(kernel: Kernel, ask: Commands, turns: int) -> list[TurnId]:
    """A tenant with so many turns, each in a session of its own."""
    await kernel.administrator.open_tenant(ask.tenant_id)
    found: list[TurnId] = []
    for _ in range(turns):
        own = ask.in_session(SessionId(ask.identifiers.next()))
        await kernel.administrator.open_session(own.session())
        found.append((await kernel.one.journal.accept(own.accept())).turn_id)
    return found


async def paused(kernel: Kernel, ask: Commands, turns: int) -> None:
    """A tenant with so many paused turns, none of which waits for a person."""
    for turn_id in await running(kernel, ask, turns):
        await kernel.one.journal.pause(ask.pause(turn_id))


async def test_a_tenant_with_many_lost_turns_keeps_no_other_waiting(
    fresh_database: Database,
) -> None:
    asks = [Commands.fresh(CountingIdentifiers(name)) for name in ("few", "many")]
    few, many = sorted(asks, key=lambda ask: ask.tenant_id, reverse=True)
    async with postgres_kernel(fresh_database) as kernel:
        await running(kernel, many, 5)
        await kernel.administrator.expire_leases(many.tenant_id)
        await running(kernel, few, 1)
        await kernel.administrator.expire_leases(few.tenant_id)

        taken = [await kernel.other.leases.take_over(2) for _ in range(3)]

    assert {one.turn.tenant_id for one in taken[0]} == {many.tenant_id, few.tenant_id}
    assert [len(found) for found in taken] == [2, 2, 2]


async def test_a_tenant_with_many_decided_turns_keeps_no_other_waiting(
    fresh_database: Database,
) -> None:
    many, one = (Commands.fresh(CountingIdentifiers(name)) for name in ("many", "one"))
    async with postgres_kernel(fresh_database) as kernel:
        await paused(kernel, many, 5)
        await paused(kernel, one, 1)

        found = await kernel.one.leases.decided(2)

    assert {turn.tenant_id for turn in found} == {many.tenant_id, one.tenant_id}
