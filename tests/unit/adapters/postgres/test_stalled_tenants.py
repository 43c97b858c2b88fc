"""Tenants whose rows were locked elsewhere: none waits for the work of another."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from typing import Final

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.journal import PostgresTurnJournal, open_turn_journal
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.writer import WriterSettings
from domain.conversation.errors import SessionBusyError
from domain.conversation.turn import TurnState
from domain.kernel.errors import StorageUnavailableError
from domain.tools.invocation import InvocationState
from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import ONE
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import encode, postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.contract.scene import Scene
from tests.doubles import PATIENCE
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres

ONE_BY_ONE: Final = WriterSettings(max_batch=1, stalled_attempts=1000)

Superuser = psycopg.AsyncConnection[tuple[object, ...]]


@pytest.fixture
async def kernel(fresh_database: Database) -> AsyncGenerator[Kernel]:
    async with postgres_kernel(fresh_database) as kernel:
        yield kernel


@pytest.fixture
async def superuser(fresh_database: Database) -> AsyncGenerator[Superuser]:
    url = owner_url(fresh_database.settings)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def tenant(kernel: Kernel, name: str) -> Commands:
    ask = Commands.fresh(CountingIdentifiers(name))
    await kernel.administrator.open_tenant(ask.tenant_id)
    await kernel.administrator.open_session(ask.session())
    await Scene(kernel, ask).limit(ask.account, 1_000_000)
    return ask


async def flood(
    journal: PostgresTurnJournal, ask: Commands, other: "asyncio.Future[object]"
) -> None:
    """One command after another, until another tenant's was answered."""
    while not other.done():
        with suppress(SessionBusyError):
            await journal.accept(ask.accept(ask.hold(1)))


async def test_a_tenant_with_ever_more_commands_keeps_no_other_waiting(
    fresh_database: Database, kernel: Kernel, superuser: Superuser
) -> None:
    busy, calm = await tenant(kernel, "busy"), await tenant(kernel, "calm")
    async with open_turn_journal(
        fresh_database, ONE, Outgoing(encode), settings=ONE_BY_ONE
    ) as journal:
        async with superuser.transaction():
            await superuser.execute("select from tenants for update")
            answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            floods = [asyncio.create_task(flood(journal, busy, answer)) for _ in range(8)]
            await asyncio.sleep(0)
            asked = asyncio.create_task(journal.accept(calm.accept(calm.hold(1))))
            done, _ = await asyncio.wait([asked], timeout=0.2)
            assert not done

        try:
            grant = await asyncio.wait_for(asked, PATIENCE)
        finally:
            answer.set_result(None)
            await asyncio.gather(*floods)

    assert grant.state is TurnState.RUNNING


async def test_commands_that_waited_for_a_row_are_done_in_order_of_their_arrival(
    fresh_database: Database, kernel: Kernel, superuser: Superuser
) -> None:
    ask = await tenant(kernel, "orderly")
    async with open_turn_journal(
        fresh_database, ONE, Outgoing(encode), settings=ONE_BY_ONE
    ) as journal:
        async with superuser.transaction():
            await superuser.execute("select from tenants for update")
            asked = [asyncio.create_task(journal.accept(ask.accept(ask.hold(1)))) for _ in range(3)]
            done, _ = await asyncio.wait(asked, timeout=0.2)
            assert not done
        asked.append(asyncio.create_task(journal.accept(ask.accept(ask.hold(1)))))
        grants = await asyncio.gather(*asked, return_exceptions=True)

    states = [one if isinstance(one, BaseException) else one.state for one in grants]
    assert states[:3] == [TurnState.RUNNING, TurnState.QUEUED, TurnState.QUEUED]
    assert isinstance(states[3], SessionBusyError)


async def test_a_command_whose_caller_went_away_is_done_before_what_is_asked_for_later(
    fresh_database: Database, kernel: Kernel, superuser: Superuser
) -> None:
    ask = await tenant(kernel, "patient")
    scene = Scene(kernel, ask)
    turn_id = await scene.running()
    begun = ask.extend(turn_id, ask.hold(50), started=(ask.call(turn_id),))
    async with open_turn_journal(
        fresh_database, ONE, Outgoing(encode), settings=ONE_BY_ONE
    ) as journal:
        async with superuser.transaction():
            await superuser.execute("select from tenants for update")
            asking = asyncio.create_task(journal.extend(begun))
            done, _ = await asyncio.wait([asking], timeout=0.2)
            assert not done
            asking.cancel()
            later = asyncio.create_task(journal.extend(replace(begun, holds=(), started=())))
            done, _ = await asyncio.wait([later], timeout=0.2)
            assert not done

        assert await later > 0

    kept = await scene.snapshot()
    assert [one.state for one in kept.invocations.values()] == [InvocationState.STARTED]
    assert await scene.tokens() == (0, 150, 0)


async def test_no_more_commands_wait_for_a_row_than_may_wait(
    fresh_database: Database, kernel: Kernel, superuser: Superuser
) -> None:
    ask = await tenant(kernel, "many")
    settings = replace(ONE_BY_ONE, max_waiting=2)
    async with open_turn_journal(
        fresh_database, ONE, Outgoing(encode), settings=settings
    ) as journal:
        async with superuser.transaction():
            await superuser.execute("select from tenants for update")
            asked = [asyncio.create_task(journal.accept(ask.accept(ask.hold(1)))) for _ in range(2)]
            done, _ = await asyncio.wait(asked, timeout=0.2)
            assert not done

            with pytest.raises(StorageUnavailableError):
                await journal.accept(ask.accept(ask.hold(1)))

        states = [grant.state for grant in await asyncio.gather(*asked)]

    assert states == [TurnState.RUNNING, TurnState.QUEUED]
