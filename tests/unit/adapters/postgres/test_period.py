"""A month begins: its accounts are opened by whoever writes first, and old holds keep theirs."""

from collections.abc import AsyncGenerator

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.journal import open_turn_journal
from adapters.postgres.outgoing import Outgoing
from tests.contract.commands import Commands, tokens
from tests.contract.inmemory_kernel import ONE
from tests.contract.postgres_kernel import PostgresAdministrator, encode
from tests.contract.postgres_server import owner_url
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres

Superuser = psycopg.AsyncConnection[tuple[object, ...]]


@pytest.fixture
async def superuser(database: Database) -> AsyncGenerator[Superuser]:
    url = owner_url(database.settings)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def test_the_first_commit_of_a_month_opens_its_accounts(
    database: Database, superuser: Superuser, request: pytest.FixtureRequest
) -> None:
    ask = Commands.fresh(CountingIdentifiers(request.node.nodeid))
    administrator = PostgresAdministrator(superuser)
    await administrator.open_tenant(ask.tenant_id)
    await administrator.open_session(ask.session(max_waiting=2))
    for metric in (1, 10):
        await superuser.execute(
            "insert into limits values (%s, %s, %s, 'tenant', %s, 100)",
            (ask.tenant_id, ask.tenant_id, metric, str(ask.tenant_id)),
        )
    async with open_turn_journal(database, ONE, Outgoing(encode)) as journal:
        old = await journal.accept(ask.accept(ask.hold(90)))
        await superuser.execute(
            "update accounts set period = period - interval '1 month', spent = 7 "
            "where tenant_id = %s",
            (ask.tenant_id,),
        )
        await superuser.execute(
            "update turns set hold_period = hold_period - interval '1 month' where tenant_id = %s",
            (ask.tenant_id,),
        )
        await superuser.execute(
            "update tenants set period = period - interval '1 month' where tenant_id = %s",
            (ask.tenant_id,),
        )

        await journal.accept(ask.accept(ask.hold(90)))
        await journal.finish(ask.finish(old.turn_id, tokens(80)))

    found = await superuser.execute(
        "select metric, period = date_trunc('month', now() at time zone 'UTC'), limit_amount, "
        "spent, held from accounts where tenant_id = %s order by 1, 2",
        (ask.tenant_id,),
    )
    assert await found.fetchall() == [
        (1, False, 100, 87, 0),
        (1, True, 100, 0, 90),
        (10, False, 100, 7, 0),
        (10, True, 100, 7, 0),
    ]
