"""A command that is beyond a limit of every database fails alone, and not as an outage."""

import asyncio

import psycopg
import pytest

from adapters.postgres.database import Database
from domain.conversation.turn import TurnState
from tests.contract.commands import Commands
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres

TOO_MUCH = b"""
create function too_much() returns trigger language plpgsql as $$
begin
    perform array_fill(0, array[1000000000]);
    return new;
end $$;
create trigger too_much before insert on turn_requests for each row
    when (new.request_id = 'too much') execute function too_much();
"""


async def test_a_command_beyond_a_limit_fails_alone_and_not_as_an_outage(
    fresh_database: Database,
) -> None:
    first = Commands.fresh(CountingIdentifiers("limits"))
    async with (
        postgres_kernel(fresh_database) as kernel,
        await psycopg.AsyncConnection.connect(
            owner_url(fresh_database.settings), autocommit=True
        ) as superuser,
    ):
        await superuser.execute(TOO_MUCH)
        await kernel.administrator.open_tenant(first.tenant_id)
        await kernel.administrator.open_session(first.session())
        other = Commands.fresh(CountingIdentifiers("others"))
        await kernel.administrator.open_tenant(other.tenant_id)
        await kernel.administrator.open_session(other.session())

        failed, sound = await asyncio.gather(
            kernel.one.journal.accept(first.accept(request_id="too much")),
            kernel.one.journal.accept(other.accept()),
            return_exceptions=True,
        )

    assert isinstance(failed, psycopg.errors.ProgramLimitExceeded)
    assert not isinstance(sound, BaseException)
    assert sound.state is TurnState.RUNNING
