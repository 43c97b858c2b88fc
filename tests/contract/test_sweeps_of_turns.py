"""What sweeps find in PostgreSQL beside other transactions, and after an upgrade."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from psycopg import AsyncConnection

from adapters.postgres.database import Database
from domain.conversation.turn import Turn
from domain.kernel.identifiers import SessionId, TurnId
from domain.tools.invocation import InvocationState
from tests.contract.commands import Commands
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.contract.scene import Scene

pytestmark = pytest.mark.postgres


@pytest.fixture
async def scene(fresh_database: Database, ask: Commands) -> AsyncGenerator[Scene]:
    async with postgres_kernel(fresh_database) as kernel:
        await kernel.administrator.open_tenant(ask.tenant_id)
        await kernel.administrator.open_session(ask.session())
        made = Scene(kernel, ask)
        await made.limit(ask.account, 1000)
        yield made


async def paused_before_the_upgrade(scene: Scene, database: Database) -> TurnId:
    """A turn that waits for a person, as a server of before revision 0004 leaves it."""
    turn_id = await scene.running()
    call = scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL)
    waiting = replace(call, expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(waiting,)))
    async with await AsyncConnection.connect(owner_url(database.settings)) as superuser:
        await superuser.execute("update turns set waits_until = null")
    return turn_id


async def test_a_turn_that_was_paused_while_the_schema_changed_is_found_when_its_time_is_over(
    scene: Scene, fresh_database: Database
) -> None:
    turn_id = await paused_before_the_upgrade(scene, fresh_database)
    assert await scene.kernel.other.leases.decided(10) == []

    await scene.kernel.administrator.expire_approvals(scene.ask.tenant_id)

    (found,) = await scene.kernel.other.leases.decided(10)
    assert isinstance(found, Turn)
    assert found.id == turn_id


async def test_turns_that_are_locked_elsewhere_keep_no_other_from_being_taken_over(
    scene: Scene, fresh_database: Database
) -> None:
    first = await scene.running()
    beside = Scene(scene.kernel, scene.ask.in_session(SessionId(scene.ask.identifiers.next())))
    await scene.kernel.administrator.open_session(beside.ask.session())
    second = await beside.running()
    await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
    async with await AsyncConnection.connect(owner_url(fresh_database.settings)) as superuser:
        # The one that is looked at first.
        await superuser.execute(
            "update turns set lease_until = '2019-01-01Z' where turn_id = %s", (first,)
        )
        await superuser.commit()
        await superuser.execute("select from turns where turn_id = %s for update", (first,))

        taken = await scene.kernel.other.leases.take_over(1)

    assert [abandoned.turn.id for abandoned in taken] == [second]
