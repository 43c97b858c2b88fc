"""Paused turns that may go on: no tenant's keep those of another waiting."""

import pytest

from adapters.postgres.database import Database
from domain.kernel.identifiers import SessionId
from tests.contract.commands import Commands
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres


async def paused(kernel: Kernel, ask: Commands, turns: int) -> None:
    """A tenant with so many paused turns, none of which waits for a person."""
    await kernel.administrator.open_tenant(ask.tenant_id)
    for _ in range(turns):
        own = ask.in_session(SessionId(ask.identifiers.next()))
        await kernel.administrator.open_session(own.session())
        grant = await kernel.one.journal.accept(own.accept())
        await kernel.one.journal.pause(own.pause(grant.turn_id))


async def test_a_tenant_with_many_keeps_no_other_waiting(fresh_database: Database) -> None:
    many, one = (Commands.fresh(CountingIdentifiers(name)) for name in ("many", "one"))
    async with postgres_kernel(fresh_database) as kernel:
        await paused(kernel, many, 5)
        await paused(kernel, one, 1)

        found = await kernel.one.leases.decided(2)

    assert {turn.tenant_id for turn in found} == {many.tenant_id, one.tenant_id}
