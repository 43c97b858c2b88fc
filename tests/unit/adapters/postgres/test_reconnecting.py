"""A database that is gone for a moment costs no command its answer."""

import asyncio

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.postgres.database import Database
from adapters.postgres.journal import open_turn_journal
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.writer import WriterSettings
from domain.conversation.turn import TurnState
from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import ONE
from tests.contract.postgres_kernel import encode, postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.doubles import PATIENCE
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres

PATIENT = WriterSettings(reconnect_seconds=PATIENCE)

Superuser = psycopg.AsyncConnection[tuple[object, ...]]


async def let_in(superuser: Superuser, database: str, *, allowed: bool) -> None:
    statement = sql.SQL("alter database {} allow_connections {}")
    await superuser.execute(statement.format(sql.Identifier(database), sql.Literal(allowed)))


async def test_an_end_is_kept_while_the_database_takes_no_connections(
    fresh_database: Database,
) -> None:
    ask = Commands.fresh(CountingIdentifiers("away"))
    url = owner_url(fresh_database.settings)
    name = str(conninfo_to_dict(url)["dbname"])
    elsewhere = make_conninfo(url, dbname="postgres")
    async with (
        postgres_kernel(fresh_database) as kernel,
        open_turn_journal(fresh_database, ONE, Outgoing(encode), settings=PATIENT) as journal,
        await psycopg.AsyncConnection.connect(elsewhere, autocommit=True) as superuser,
    ):
        await kernel.administrator.open_tenant(ask.tenant_id)
        await kernel.administrator.open_session(ask.session())
        grant = await journal.accept(ask.accept())
        await let_in(superuser, name, allowed=False)
        await superuser.execute(
            "select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = %s "
            "and application_name = 'somagent'",
            (name,),
        )
        ending = asyncio.create_task(journal.finish(ask.finish(grant.turn_id)))
        done, _ = await asyncio.wait([ending], timeout=0.3)

        await let_in(superuser, name, allowed=True)

        assert not done
        await ending
        turn = await kernel.reader.turn(ask.tenant_id, grant.turn_id)
        assert turn.state is TurnState.COMPLETED
