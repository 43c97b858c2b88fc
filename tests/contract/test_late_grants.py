"""A server that stands still between its command and the answer never learns another's fence."""

from asyncio import Task, create_task
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest
from psycopg import AsyncConnection

from adapters.postgres.database import Database, DatabaseSettings, open_database
from application.conversation.ports.leases import Abandoned
from tests.contract.commands import Commands, tokens
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.contract.scene import Scene
from tests.doubles import PATIENCE
from tests.system.service import until

pytestmark = pytest.mark.postgres


@pytest.fixture
async def database(fresh_settings: DatabaseSettings) -> AsyncGenerator[Database]:
    """Of one connection for requests; locks are waited for as long as it takes."""
    settings = replace(fresh_settings, request_connections=1, lock_seconds=PATIENCE)
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def scene(database: Database, ask: Commands) -> AsyncGenerator[Scene]:
    async with postgres_kernel(database) as kernel:
        await kernel.administrator.open_tenant(ask.tenant_id)
        await kernel.administrator.open_session(ask.session())
        made = Scene(kernel, ask)
        await made.limit(ask.account, 1000)
        yield made


async def test_a_turn_that_was_taken_on_and_then_over_is_granted_under_the_first_fence(
    scene: Scene, database: Database
) -> None:
    turn_id = await scene.running()
    await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
    await scene.kernel.one.leases.take_over(10)
    command = scene.ask.take_on(turn_id, scene.ask.hold(70), uses=(tokens(30),))

    async def taken_on() -> bool:
        return (await scene.snapshot()).turns[turn_id].taken == (2, 0)

    async with database.reading():
        asking = create_task(scene.kernel.one.journal.take_on(command))
        await until(taken_on)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        (taken,) = await scene.kernel.other.leases.take_over(10)
    grant = await asking

    assert (taken.turn.fence, grant.fence) == (3, 2)


async def test_a_turn_that_was_resumed_and_then_taken_over_is_granted_under_the_first_fence(
    scene: Scene, database: Database
) -> None:
    turn_id = await scene.running()
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id))

    async def resumed() -> bool:
        return (await scene.snapshot()).turns[turn_id].fence == 2

    async with database.reading():
        asking = create_task(scene.kernel.one.journal.resume(scene.ask.resume(turn_id)))
        await until(resumed)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        (taken,) = await scene.kernel.other.leases.take_over(10)
    grant = await asking

    assert (taken.turn.fence, grant.fence) == (3, 2)


async def test_of_two_take_overs_each_is_told_its_own_fence(
    scene: Scene, database: Database
) -> None:
    turn_id = await scene.running()
    url = owner_url(database.settings)
    async with (
        await AsyncConnection.connect(url) as holding,
        await AsyncConnection.connect(url, autocommit=True) as superuser,
    ):
        # What was asked is a message: nobody reads a turn whole meanwhile.
        await holding.execute("lock table messages in access exclusive mode")
        asking: list[Task[Sequence[Abandoned]]] = []
        for server, fence in ((scene.kernel.one, 2), (scene.kernel.other, 3)):
            await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
            asking.append(create_task(server.leases.take_over(10)))

            async def is_taken(fence: int = fence) -> bool:
                row = await superuser.execute(
                    "select fence from turns where turn_id = %s", (turn_id,)
                )
                return await row.fetchone() == (fence,)

            await until(is_taken)
        await holding.rollback()
        found = [one.turn.fence for task in asking for one in await task]

    assert found == [2, 3]
