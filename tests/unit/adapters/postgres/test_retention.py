"""What was kept long enough is deleted, and nothing else is."""

from collections.abc import Generator
from datetime import timedelta
from typing import Final

import psycopg
import pytest
from psycopg import sql

from adapters.postgres.database import Database
from adapters.postgres.retention import TENANTS, PostgresRetention, RetentionTerms
from adapters.system.identifiers import SystemIdentifiers
from domain.kernel.identifiers import TenantId
from domain.kernel.resilience import IDEMPOTENCY_RETENTION
from entrypoints.settings.keeping import RetentionSettings
from tests.contract.postgres_server import owner_url

pytestmark = pytest.mark.postgres

Superuser = psycopg.Connection[tuple[object, ...]]

IDENTIFIERS: Final = SystemIdentifiers()

TERMS: Final = RetentionTerms(
    requests=timedelta(days=3),
    reservations=timedelta(days=3),
    deleted_sessions=timedelta(days=3),
    dead_letters=timedelta(days=3),
)

PLANTED: Final = {
    "requests": """
        insert into requests (tenant_id, method, request_id, digest, resource, created_at)
        values (%(tenant)s, 'Create', gen_random_uuid(), '', '', now() - %(age)s)
    """,
    "invocation_requests": """
        insert into invocation_requests (tenant_id, request_id, digest, invocation_id, created_at)
        values (%(tenant)s, gen_random_uuid(), '', gen_random_uuid(), now() - %(age)s)
    """,
    "turn_cancellations": """
        insert into turn_cancellations (tenant_id, turn_id, requested_by, requested_at)
        values (%(tenant)s, gen_random_uuid(), 'ada', now() - %(age)s)
    """,
    "reservations": """
        insert into reservations (tenant_id, reservation_id, request_id, digest, state, hold_period,
                                  hold_accounts, hold_metrics, hold_amounts, created_at, expires_at,
                                  ended_at)
        values (%(tenant)s, gen_random_uuid(), gen_random_uuid(), '', 2, now(), '{}', '{}', '{}',
                now() - %(age)s, now(), now() - %(age)s)
    """,
    "dead_letters": """
        insert into dead_letters (tenant_id, letter_id, source, origin, topic, key, type,
                                  header_names, header_values, payload, payload_bytes, reason,
                                  cause, attempted_at, attempt_errors, state, created_at,
                                  settled_at)
        select %(tenant)s, letter, 'relay', letter, 't', '', '', '{}', '{}', '', 0, 'INTERNAL', '',
               '{}', '{}', state, now() - %(age)s, now() - %(age)s
          from (select state, gen_random_uuid() as letter from unnest(array[2, 3]) state) settled
    """,
    "turn_requests": """
        with gone as (
            insert into sessions (tenant_id, session_id, capsule, subject, busy, max_waiting,
                                  created_at, deleted_at)
            values (%(tenant)s, gen_random_uuid(), 'c', 'ada', 1, 0, now(), now() - %(age)s)
            returning session_id)
        insert into turn_requests (tenant_id, session_id, request_id, digest, turn_id)
        select %(tenant)s, session_id, number, '', gen_random_uuid()
          from gone, generate_series(1, 3) number
    """,
}
"""How a row comes to be in each table, so long ago."""


@pytest.fixture
def superuser(fresh_database: Database) -> Generator[Superuser]:
    with psycopg.connect(owner_url(fresh_database.settings), autocommit=True) as connection:
        yield connection


def tenant(superuser: Superuser) -> TenantId:
    made = TenantId(IDENTIFIERS.next())
    superuser.execute("insert into tenants (tenant_id) values (%s)", (made,))
    return made


def plant(superuser: Superuser, table: str, tenant_id: TenantId, age: timedelta) -> None:
    superuser.execute(PLANTED[table].encode(), {"tenant": tenant_id, "age": age})


def count(superuser: Superuser, table: str) -> object:
    ((number,),) = superuser.execute(
        sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    ).fetchall()
    return number


@pytest.mark.parametrize("table", PLANTED)
async def test_what_is_older_than_its_term_is_deleted(
    fresh_database: Database, superuser: Superuser, table: str
) -> None:
    owner = tenant(superuser)
    plant(superuser, table, owner, timedelta(days=2))
    young = count(superuser, table)
    for _ in range(5):
        plant(superuser, table, owner, timedelta(days=4))

    await PostgresRetention(database=fresh_database, terms=TERMS, rows=2).tend()

    assert count(superuser, table) == young


@pytest.mark.parametrize("table", [*PLANTED])
async def test_nothing_is_deleted_before_the_promised_day_whatever_is_asked(
    fresh_database: Database, superuser: Superuser, table: str
) -> None:
    plant(superuser, table, tenant(superuser), IDEMPOTENCY_RETENTION - timedelta(minutes=1))
    before = count(superuser, table)
    nothing = timedelta(0)
    terms = RetentionTerms(
        requests=nothing, reservations=nothing, deleted_sessions=nothing, dead_letters=nothing
    )

    await PostgresRetention(database=fresh_database, terms=terms).tend()

    assert count(superuser, table) == before


async def test_what_still_holds_is_kept_however_old(
    fresh_database: Database, superuser: Superuser
) -> None:
    owner = tenant(superuser)
    plant(superuser, "reservations", owner, timedelta(days=9))
    plant(superuser, "turn_requests", owner, timedelta(days=9))
    plant(superuser, "dead_letters", owner, timedelta(days=9))
    superuser.execute("update reservations set state = 1, ended_at = null")
    superuser.execute("update sessions set deleted_at = null")
    superuser.execute("update dead_letters set state = 1, settled_at = null")

    await PostgresRetention(database=fresh_database, terms=TERMS).tend()

    kept = [count(superuser, one) for one in ("reservations", "turn_requests", "dead_letters")]
    assert kept == [1, 3, 2]


async def test_every_tenant_is_come_to(fresh_database: Database, superuser: Superuser) -> None:
    for _ in range(TENANTS + 1):
        plant(superuser, "requests", tenant(superuser), timedelta(days=4))

    await PostgresRetention(database=fresh_database, terms=TERMS).tend()

    assert count(superuser, "requests") == 0


async def test_one_server_is_at_it_at_a_time(
    fresh_database: Database, superuser: Superuser
) -> None:
    plant(superuser, "requests", tenant(superuser), timedelta(days=4))
    superuser.execute("select pg_advisory_lock(hashtext('drop_overdue'))")

    await PostgresRetention(database=fresh_database, terms=TERMS).tend()

    assert count(superuser, "requests") == 1


def test_the_settings_keep_what_was_promised() -> None:
    settings = RetentionSettings()

    shortest = min(
        settings.request_hours, settings.reservation_hours, settings.deleted_session_hours
    )
    assert timedelta(hours=shortest) >= IDEMPOTENCY_RETENTION
    assert timedelta(days=settings.dead_letters_days) == timedelta(days=30)
