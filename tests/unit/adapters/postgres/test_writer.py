"""The writer under load: sums, places, positions and keys stay right, whatever is torn down."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresTurnLeases
from application.conversation.ports.journal import AcceptTurn, Grant
from domain.conversation.turn import TurnState
from domain.kernel.errors import InvalidArgumentError, StorageUnavailableError
from tests.contract.commands import Commands, tokens
from tests.contract.inmemory_kernel import ONE, OTHER
from tests.contract.postgres_server import owner_url
from tests.fakes import CountingIdentifiers
from tests.unit.adapters.postgres.attack import Attacker, Notes
from tests.unit.adapters.postgres.writing import SMALL, Superuser, count, journal_of, tenant, wrong

pytestmark = pytest.mark.postgres


@pytest.fixture
async def superuser(fresh_database: Database) -> AsyncGenerator[Superuser]:
    url = owner_url(fresh_database.settings)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def kill_writers(superuser: Superuser) -> None:
    await superuser.execute(
        "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
        "where usename = 'somagent_writer' and datname = current_database()"
    )


async def tear(superuser: Superuser, attack: "asyncio.Future[list[None]]") -> None:
    """Kill every connection of the writers, and hold a tenant's row, again and again."""
    for threshold in range(20, 300, 40):
        while await count(superuser, "select count(*) from turns") < threshold:
            assert await wrong(superuser) == {}
            if attack.done():
                return
        await kill_writers(superuser)
        async with superuser.transaction():
            await superuser.execute("select from tenants order by tenant_id limit 1 for update")
            assert await wrong(superuser) == {}


async def test_everything_adds_up_after_an_attack(
    fresh_database: Database, superuser: Superuser
) -> None:
    tenants = [
        await tenant(superuser, f"attack {number}", sessions=10, limit=3000) for number in range(3)
    ]
    sessions = tuple(ask for found in tenants for ask in found)
    notes = Notes()
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(journal_of(fresh_database, server_id))
            for server_id in (ONE, OTHER)
        ]
        attackers = [
            Attacker(
                random=Random(number),  # noqa: S311  a test that can be repeated
                journal=servers[number % 2],
                leases=PostgresTurnLeases(
                    database=fresh_database, server_id=servers[number % 2].server_id
                ),
                sessions=sessions,
                notes=notes,
            )
            for number in range(24)
        ]
        attack = asyncio.gather(*(attacker.run(16) for attacker in attackers))
        await tear(superuser, attack)
        while not attack.done():
            assert await wrong(superuser) == {}
        await attack
        assert await wrong(superuser) == {}

        while await count(superuser, "select count(*) from turns where state < 4"):
            await superuser.execute("update turns set lease_until = '2020-01-01Z' where state = 2")
            await attackers[0].drain()

    assert await wrong(superuser) == {}
    assert notes.counts["finish"] > 50
    stored = await superuser.execute(
        "select tenant_id, session_id, request_id, turn_id from turn_requests"
    )
    keys = {row[:3]: row[3] for row in await stored.fetchall()}
    assert {key: keys.get(key) for key in notes.answers} == notes.answers


async def test_two_servers_together_never_grant_more_than_the_limit(
    fresh_database: Database, superuser: Superuser
) -> None:
    found = await tenant(superuser, "race", sessions=40, limit=100)
    async with (
        journal_of(fresh_database, ONE) as one,
        journal_of(fresh_database, OTHER) as other,
    ):
        for pair in zip(found[0::2], found[1::2], strict=True):
            commands = [ask.accept(ask.hold(60)) for ask in pair]
            answers = await asyncio.gather(
                one.accept(commands[0]), other.accept(commands[1]), return_exceptions=True
            )
            granted = [answer for answer in answers if isinstance(answer, Grant)]
            assert len(granted) == 1
            await one.finish(pair[0].finish(granted[0].turn_id, tokens(0)))


async def test_a_tenant_whose_row_is_locked_does_not_stall_the_others(
    fresh_database: Database, superuser: Superuser
) -> None:
    (stalled,) = await tenant(superuser, "stalled", sessions=1, limit=1000)
    (free,) = await tenant(superuser, "free", sessions=1, limit=1000)
    async with journal_of(fresh_database) as journal:
        async with superuser.transaction():
            await superuser.execute(
                "select from tenants where tenant_id = %s for update", (stalled.tenant_id,)
            )
            first = asyncio.ensure_future(journal.accept(stalled.accept(stalled.hold(1))))
            grant = await journal.accept(free.accept(free.hold(1)))
            await journal.finish(free.finish(grant.turn_id, tokens(1)))
            second = asyncio.ensure_future(journal.accept(stalled.accept(stalled.hold(1))))
            await journal.accept(free.accept(free.hold(1)))
            assert not first.done()

        assert (await first).state is TurnState.RUNNING
        assert (await second).state is TurnState.QUEUED


async def test_a_tenant_that_stays_locked_is_unavailable(
    fresh_database: Database, superuser: Superuser
) -> None:
    (ask,) = await tenant(superuser, "locked", sessions=1, limit=1000)
    async with journal_of(fresh_database, settings=replace(SMALL, stalled_attempts=2)) as journal:
        async with superuser.transaction():
            await superuser.execute("select from tenants for update")
            with pytest.raises(StorageUnavailableError):
                await journal.accept(ask.accept(ask.hold(1)))

        assert (await journal.accept(ask.accept(ask.hold(1)))).state is TurnState.RUNNING


async def test_a_command_that_no_database_takes_fails_alone(
    fresh_database: Database, superuser: Superuser
) -> None:
    found = await tenant(superuser, "poison", sessions=8, limit=1000)
    commands = [ask.accept(ask.hold(1)) for ask in found]
    twice = replace(commands[3], message_id=commands[2].message_id)
    async with journal_of(fresh_database) as journal:
        await journal.accept(commands[2])
        answers = await asyncio.gather(
            *(journal.accept(command) for command in (*commands[4:], twice, *commands[:2])),
            return_exceptions=True,
        )

    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(error) for error in failed] == [psycopg.errors.UniqueViolation]
    assert await wrong(superuser) == {}


def spoilt(ask: Commands) -> dict[str, AcceptTurn]:
    sound = ask.accept(ask.hold(1))
    return {
        "a NUL": replace(sound, order=replace(sound.order, text="a\0b")),
        "a lone surrogate": replace(sound, order=replace(sound.order, text="\ud800")),
        "a NUL in its key": replace(sound, request_id="a\0"),
        "a negative amount": replace(sound, holds=(ask.hold(-1),)),
        "an amount out of range": replace(sound, holds=(ask.hold(10**12 + 1),)),
    }


@pytest.mark.parametrize("how", sorted(spoilt(Commands.fresh(CountingIdentifiers("spoilt")))))
async def test_what_would_fail_a_batch_is_refused_before_it_joins_one(
    database: Database, how: str
) -> None:
    command = spoilt(Commands.fresh(CountingIdentifiers("spoilt")))[how]
    async with journal_of(database) as journal:
        with pytest.raises(InvalidArgumentError):
            await journal.accept(command)


async def test_a_batch_whose_answers_are_lost_is_committed_and_answered_as_before(
    fresh_database: Database, superuser: Superuser
) -> None:
    (ask,) = await tenant(superuser, "unheard", sessions=1, limit=1000)
    losing = iter((True,))

    async def lose() -> None:
        if next(losing, False):
            raise StorageUnavailableError

    async with journal_of(fresh_database, settings=replace(SMALL, before_answers=lose)) as journal:
        command = ask.accept(ask.hold(1))
        with pytest.raises(StorageUnavailableError):
            await journal.accept(command)
        assert await count(superuser, "select count(*) from turns") == 1

        assert (await journal.accept(command)).turn_id == command.turn_id

    assert await count(superuser, "select count(*) from turns") == 1
    assert await wrong(superuser) == {}


async def test_a_command_is_sent_again_when_the_connection_was_lost(
    fresh_database: Database, superuser: Superuser
) -> None:
    (ask,) = await tenant(superuser, "lost", sessions=1, limit=1000)
    async with journal_of(fresh_database) as journal:
        grant = await journal.accept(ask.accept(ask.hold(1)))
        async with superuser.transaction():
            await superuser.execute("select from turns for update")
            finish = asyncio.ensure_future(journal.finish(ask.finish(grant.turn_id, tokens(1))))
            while not await count(
                superuser,
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
                "and usename = 'somagent_writer' and datname = current_database()",
            ):
                await superuser.execute("select pg_stat_clear_snapshot()")
            await kill_writers(superuser)

        await finish

    assert await wrong(superuser) == {}


async def test_a_journal_that_closes_answers_what_is_under_way(
    fresh_database: Database, superuser: Superuser
) -> None:
    (ask,) = await tenant(superuser, "closing", sessions=1, limit=1000)
    journal = await (opened := journal_of(fresh_database)).__aenter__()
    async with superuser.transaction():
        await superuser.execute("select from tenants for update")
        accepted = asyncio.ensure_future(journal.accept(ask.accept(ask.hold(1))))
        while not await count(
            superuser,
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
            "and usename = 'somagent_writer' and datname = current_database()",
        ):
            await superuser.execute("select pg_stat_clear_snapshot()")
        closed = asyncio.ensure_future(opened.__aexit__(None, None, None))
        await asyncio.sleep(0)

    await closed
    assert (await accepted).state is TurnState.RUNNING


async def test_a_closed_journal_is_unavailable(
    fresh_database: Database, superuser: Superuser
) -> None:
    (ask,) = await tenant(superuser, "closed", sessions=1, limit=1000)
    async with journal_of(fresh_database) as journal:
        waiting = asyncio.ensure_future(journal.accept(ask.accept(ask.hold(1))))
        await asyncio.sleep(0)

    assert (await waiting).state is TurnState.RUNNING
    with pytest.raises(StorageUnavailableError):
        await journal.accept(ask.accept(ask.hold(1)))
