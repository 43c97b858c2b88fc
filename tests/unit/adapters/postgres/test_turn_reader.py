"""Reads of turns that whoever asks cannot make long, or break."""

from asyncio import create_task

import psycopg
import pytest

from adapters.postgres.database import Database
from tests.contract.commands import Commands
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres

MIB = 1 << 20


async def tenant(kernel: Kernel, name: str) -> Commands:
    ask = Commands.fresh(CountingIdentifiers(name))
    await kernel.administrator.open_tenant(ask.tenant_id)
    await kernel.administrator.open_session(ask.session())
    return ask


async def test_an_opening_reads_no_more_than_any_model_takes(fresh_database: Database) -> None:
    url = owner_url(fresh_database.settings)
    async with (
        postgres_kernel(fresh_database) as kernel,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as superuser,
    ):
        ask = await tenant(kernel, "long")
        await superuser.execute(
            "insert into messages (tenant_id, message_id, session_id, turn_id, role, content, "
            "created_at) select %s, uuidv7(), %s, uuidv7(), 1, repeat(n::text, %s), now() "
            "from generate_series(1, 9) n",
            (ask.tenant_id, ask.session_id, MIB),
        )

        opening = await kernel.reader.opening(ask.tenant_id, ask.session_id, 200)

    assert [message.text[0] for message in opening.history] == ["6", "7", "8", "9"]


async def test_a_turn_has_no_event_above_the_largest_number(fresh_database: Database) -> None:
    async with postgres_kernel(fresh_database) as kernel:
        ask = await tenant(kernel, "far")
        grant = await kernel.one.journal.accept(ask.accept())

        found = await kernel.reader.events(ask.tenant_id, grant.turn_id, 2**63 - 1, 256)

    assert found == []


async def test_a_promoted_turn_that_is_taken_over_while_it_is_read_is_not_ours(
    fresh_database: Database,
) -> None:
    url = owner_url(fresh_database.settings)
    async with (
        postgres_kernel(fresh_database) as kernel,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as superuser,
    ):
        ask = await tenant(kernel, "promoted")
        first = await kernel.one.journal.accept(ask.accept())
        await kernel.one.journal.accept(ask.accept())
        await kernel.one.journal.finish(ask.finish(first.turn_id))
        async with superuser.transaction():
            await superuser.execute("lock table messages in access exclusive mode")
            reading = create_task(kernel.one.leases.promoted(10))
            await reading_waits(superuser)
            await superuser.execute(
                "update turns set fence = fence + 1, owner_id = %s, awaits_driver = false "
                "where state = 2",
                (kernel.other.id,),
            )

        assert await reading == []


async def reading_waits(superuser: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """Until the read of turns waits for the table."""
    waiting = (
        "select from pg_stat_activity where wait_event_type = 'Lock' "
        "and datname = current_database() and query like '%read_turns%'"
    )
    while not await (await superuser.execute(waiting)).fetchall():
        await superuser.execute("select pg_stat_clear_snapshot()")
