"""What the logins may not do with records, whatever statement is sent."""

import psycopg
import pytest

from adapters.postgres.database import DatabaseSettings
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres

FORBIDDEN = (
    "update records set body = 'x'",
    "update records set seal = null",
    "update records set nonce = null",
    "update records set position = 1",
    "delete from records",
    "update chain_heads set position = 0",
    "delete from chain_heads",
    "select * from unsealed_records(null, null, 1)",
    "select seal_records(" + ", ".join(15 * ["null"]) + ")",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_requests_change_no_record(statement: str, database_settings: DatabaseSettings) -> None:
    with psycopg.connect(database_settings.request_url) as connection:
        connection.execute("select set_config('app.tenant', gen_random_uuid()::text, true)")

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize("statement", FORBIDDEN[:-2])
def test_the_writer_changes_no_record(statement: str, database_settings: DatabaseSettings) -> None:
    with (
        psycopg.connect(database_settings.writer_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_nobody_reads_memories_without_a_tenant(
    request: pytest.FixtureRequest, database_settings: DatabaseSettings
) -> None:
    tenant_id = CountingIdentifiers(request.node.nodeid).next()
    insert = (
        "insert into memories (tenant_id, memory_id, subject, text, kind, strength, source, "
        "text_digest, request_id, digest, created_at) "
        "values (%(t)s, %(t)s, '', 'house', 'fact', 1, '', '', 'r', '', now())"
    )
    with psycopg.connect(database_settings.request_url, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("select set_config('app.tenant', %s, true)", (str(tenant_id),))
            connection.execute(insert, {"t": tenant_id})

        assert connection.execute("select * from memories").fetchall() == []
        assert connection.execute("select * from notes").fetchall() == []
