"""Sessions in PostgreSQL: once per request, counted, listed, deleted."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid1

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.sessions import PostgresSessions
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import SessionBusyError, SessionNotFoundError
from domain.conversation.session import Session
from domain.kernel.errors import (
    EtagMismatchError,
    IdempotencyKeyReusedError,
    InvalidArgumentError,
)
from domain.kernel.identifiers import RequestId, SessionId, TenantId
from domain.kernel.request_key import RequestKey
from tests.contract.commands import Commands
from tests.contract.postgres_server import owner_url
from tests.fakes import NOON, CountingIdentifiers

pytestmark = pytest.mark.postgres

Make = Callable[[], Session]


def key(request_id: str = "one", content: bytes = b"content", method: str = "Create") -> RequestKey:
    return RequestKey.of(method, RequestId(request_id), "ada", content)


@pytest.fixture
def ask(database: Database, request: pytest.FixtureRequest) -> Commands:
    """A tenant that may have two sessions open."""
    ask = Commands.fresh(CountingIdentifiers(request.node.nodeid))
    with psycopg.connect(owner_url(database.settings), autocommit=True) as superuser:
        superuser.execute("insert into tenants (tenant_id) values (%s)", (ask.tenant_id,))
        superuser.execute(
            "insert into limits values (%s, %s, 10, 'tenant', %s, 2)",
            (ask.tenant_id, ask.tenant_id, str(ask.tenant_id)),
        )
    return ask


def another(ask: Commands) -> Session:
    return ask.in_session(SessionId(ask.identifiers.next())).session()


async def test_a_session_is_made_once_per_request(database: Database, ask: Commands) -> None:
    sessions = PostgresSessions(database)
    made = await sessions.create(ask.session(), key())
    again = await sessions.create(another(ask), key())

    assert made == again == await sessions.session(ask.tenant_id, made.id)
    with pytest.raises(IdempotencyKeyReusedError):
        await sessions.create(another(ask), key(content=b"other"))


async def test_the_limit_of_open_sessions_holds_and_is_given_back(
    database: Database, ask: Commands
) -> None:
    sessions = PostgresSessions(database)
    first = await sessions.create(ask.session(), key("one"))
    await sessions.create(another(ask), key("two"))
    with pytest.raises(BudgetExhaustedError) as refused:
        await sessions.create(another(ask), key("three"))
    assert refused.value.facts["remaining"] == "0"

    await sessions.delete(
        ask.tenant_id, first.id, etag=first.etag, at=NOON, request=key("four", method="Delete")
    )

    await sessions.create(another(ask), key("three"))


async def test_a_deleted_session_stays_as_it_is(database: Database, ask: Commands) -> None:
    sessions = PostgresSessions(database)
    made = await sessions.create(ask.session(), key())
    deleted = replace(made, deleted_at=NOON)
    for request_id in ("two", "two", "three"):
        request = key(request_id, method="Delete")
        assert deleted == await sessions.delete(
            ask.tenant_id, made.id, etag="", at=NOON, request=request
        )

    listed = await sessions.sessions(ask.tenant_id, deleted=False, after=None, limit=9)
    everything = await sessions.sessions(ask.tenant_id, deleted=True, after=None, limit=9)
    assert (listed, everything) == ([], [deleted])


async def test_a_session_with_an_open_turn_or_another_etag_is_not_deleted(
    database: Database, ask: Commands
) -> None:
    sessions = PostgresSessions(database)
    made = await sessions.create(ask.session(), key())
    with psycopg.connect(owner_url(database.settings), autocommit=True) as superuser:
        superuser.execute(
            "update sessions set open_turn = %s where session_id = %s", (UUID(int=1), made.id)
        )
    delete = key("two", method="Delete")

    with pytest.raises(SessionBusyError):
        await sessions.delete(ask.tenant_id, made.id, etag="", at=NOON, request=delete)
    with pytest.raises(EtagMismatchError):
        await sessions.delete(ask.tenant_id, made.id, etag="9", at=NOON, request=delete)


async def test_sessions_are_listed_newest_first_by_cursor(
    database: Database, ask: Commands
) -> None:
    sessions = PostgresSessions(database)
    older = await sessions.create(ask.session(), key("one"))
    newer = await sessions.create(another(ask), key("two"))

    first = await sessions.sessions(ask.tenant_id, deleted=False, after=None, limit=1)
    second = await sessions.sessions(ask.tenant_id, deleted=False, after=newer.id, limit=1)
    assert (first, second) == ([newer], [older])


async def test_another_tenants_session_is_not_there(database: Database, ask: Commands) -> None:
    made = await PostgresSessions(database).create(ask.session(), key())
    other = TenantId(uuid1())

    with pytest.raises(SessionNotFoundError):
        await PostgresSessions(database).session(other, made.id)
    with pytest.raises(SessionNotFoundError):
        await PostgresSessions(database).delete(
            other, made.id, etag="", at=NOON, request=key("two", method="Delete")
        )


async def test_a_name_that_no_column_takes_is_refused(database: Database, ask: Commands) -> None:
    with pytest.raises(InvalidArgumentError):
        await PostgresSessions(database).create(replace(ask.session(), subject="a\0"), key())
