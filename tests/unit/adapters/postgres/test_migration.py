"""Migrations: by any number at once, again after a crash, never backwards; and what they leave."""

import asyncio
from collections.abc import Generator

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from adapters.postgres.database import DatabaseSettings
from adapters.postgres.embedded_lifetime import SUPERUSER, EmbeddedServer
from adapters.postgres.errors import (
    SchemaOutdatedError,
    SchemaTooNewError,
    ServerTooOldError,
)
from adapters.postgres.migration import check_schema, head, migrate, refuse_old_server, revisions
from adapters.postgres.roles import DEFINER_ROLES, DEFINERS, LOGINS, OWNER, REQUEST, WRITER
from adapters.postgres.tables.metadata import rules_of
from adapters.postgres.tables.schema import metadata
from adapters.postgres.upgrade import alembic_config
from tests.contract.postgres_server import copy_of, owner_url

pytestmark = pytest.mark.postgres

Rows = list[tuple[object, ...]]


@pytest.fixture
def empty_url(postgres_server: EmbeddedServer) -> str:
    """A database in which there is nothing yet."""
    return owner_url(copy_of(postgres_server, "template1"))


@pytest.fixture
def superuser(
    fresh_settings: DatabaseSettings,
) -> Generator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(owner_url(fresh_settings), autocommit=True) as connection:
        yield connection


def is_ours(name: str | None, kind: str, _: object) -> bool:
    """Whether a thing found in the database is described by the tables: no partition is."""
    return kind != "table" or name in metadata.tables


def rows(connection: "psycopg.Connection[tuple[object, ...]]", query: str) -> Rows:
    return connection.execute(query.encode()).fetchall()


async def test_two_at_once_and_again_make_one_schema(empty_url: str) -> None:
    with pytest.raises(SchemaOutdatedError, match="revision none"):
        check_schema(empty_url)

    await asyncio.gather(*(asyncio.to_thread(migrate, empty_url) for _ in range(2)))
    migrate(empty_url)

    check_schema(empty_url)


def test_two_databases_of_one_server_are_migrated_at_once(
    postgres_server: EmbeddedServer,
) -> None:
    urls = [owner_url(copy_of(postgres_server, "template1")) for _ in range(2)]

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(migrate, url) for url in urls))

    asyncio.run(both())
    for url in urls:
        check_schema(url)


def test_a_schema_of_a_newer_release_is_refused(fresh_settings: DatabaseSettings) -> None:
    with psycopg.connect(owner_url(fresh_settings)) as connection:
        connection.execute("update alembic_version set version_num = '9999'")

    with pytest.raises(SchemaTooNewError, match=r"9999.*newer release"):
        migrate(owner_url(fresh_settings))
    with pytest.raises(SchemaTooNewError):
        check_schema(fresh_settings.request_url)


def test_a_server_that_is_too_old_is_refused(postgres_server: EmbeddedServer) -> None:
    with (
        psycopg.connect(postgres_server.url(SUPERUSER, "postgres")) as connection,
        pytest.raises(ServerTooOldError, match=r"PostgreSQL 18.*oldest that works is 99"),
    ):
        refuse_old_server(connection, oldest=99)


def test_functions_of_another_form_make_way_for_those_of_this_release(
    superuser: "psycopg.Connection[tuple[object, ...]]", fresh_settings: DatabaseSettings
) -> None:
    there = rows(
        superuser, "select count(*) from pg_proc where pronamespace = 'public'::regnamespace"
    )
    superuser.execute("update deployed_functions set digest = 'other'")
    superuser.execute("drop function instant_of(bigint)")
    for form in ("instant_of(p bigint) returns text", "gone(p bigint) returns bigint"):
        superuser.execute(f"create function {form} language sql return p".encode())
        superuser.execute(f"alter function {form.split('(')[0]} owner to {OWNER}".encode())

    migrate(owner_url(fresh_settings))

    check_schema(owner_url(fresh_settings))
    assert there == rows(
        superuser, "select count(*) from pg_proc where pronamespace = 'public'::regnamespace"
    )


def test_other_functions_than_this_release_has_are_noticed(
    fresh_settings: DatabaseSettings,
) -> None:
    with psycopg.connect(owner_url(fresh_settings)) as connection:
        connection.execute("update deployed_functions set digest = 'other'")
    with pytest.raises(SchemaOutdatedError, match="other functions"):
        check_schema(fresh_settings.writer_url)

    migrate(owner_url(fresh_settings))

    check_schema(fresh_settings.writer_url)


def test_the_database_is_what_the_tables_say(fresh_settings: DatabaseSettings) -> None:
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(owner_url(fresh_settings)),
        poolclass=sa.NullPool,
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_every_table_forces_row_level_security_for_everybody(
    superuser: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    found = rows(
        superuser,
        "select relname, relrowsecurity and relforcerowsecurity, pg_get_userbyid(relowner) "
        "from pg_class where relkind in ('r', 'p') and not relispartition "
        "and relnamespace = 'public'::regnamespace",
    )
    tables = {name: (forced, owner) for name, forced, owner in found}

    assert set(tables) == {*metadata.tables, "alembic_version", "deployed_functions"}
    assert {name: tables[name] for name in metadata.tables} == dict.fromkeys(
        metadata.tables, (True, OWNER)
    )


def test_every_policy_and_grant_is_one_of_the_tables_rules(
    superuser: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    policies = rows(
        superuser,
        "select tablename, roles[1] from pg_policies where schemaname = 'public' order by 1, 2",
    )
    granted = rows(
        superuser,
        "select distinct c.relname, g.grantee::regrole::text "
        "from pg_class c, aclexplode(c.relacl) g where c.relkind = 'p' and g.grantee <> c.relowner",
    )
    expected = {
        (name, role)
        for name, table in metadata.tables.items()
        for role, access in (
            (REQUEST, rules_of(table).request),
            (WRITER, rules_of(table).writer),
            *((policy.role, policy.access) for policy in rules_of(table).policies),
        )
        if access
    }

    assert set(policies) == expected
    assert set(granted) <= expected


def test_no_login_may_bypass_row_level_security_or_act_as_another_role(
    superuser: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    ours = [*LOGINS, OWNER, *DEFINER_ROLES]
    powers = superuser.execute(
        "select rolname from pg_roles where rolname = any (%s) and "
        "(rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolinherit)",
        (ours,),
    ).fetchall()
    members = superuser.execute(
        "select r.rolname, m.member::regrole::text from pg_auth_members m "
        "join pg_roles r on r.oid = m.roleid where m.member::regrole::text = any (%s)",
        (ours,),
    ).fetchall()

    assert (powers, members) == ([], [])


def test_partitions_are_reached_through_their_tables_only(
    superuser: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    granted = superuser.execute(
        "select c.relname, g.grantee::regrole::text from pg_class c, aclexplode(c.relacl) g "
        "where c.relispartition and g.grantee::regrole::text = any (%s)",
        ([*LOGINS, *DEFINER_ROLES],),
    ).fetchall()

    assert granted == []


def test_every_definer_function_is_listed_and_closed(
    superuser: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    found = rows(
        superuser,
        "select proname, pg_get_userbyid(proowner), "
        "array(select one from unnest(proconfig) one where one not like 'enable_%') as others, "
        "(select array_agg(grantee::regrole::text order by 1) from aclexplode(proacl) "
        " where grantee <> proowner) "
        "from pg_proc where prosecdef and pronamespace = 'public'::regnamespace order by 1",
    )

    assert found == [
        (definer.name, definer.role, ["search_path=pg_catalog, pg_temp"], sorted(definer.callers))
        for definer in sorted(DEFINERS, key=lambda definer: definer.name)
    ]


def test_a_month_has_its_partitions_and_strays_have_one(
    superuser: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    found = rows(
        superuser,
        "select p.partrelid::regclass::text, count(*) filter (where c.relname like '%%_20%%'), "
        "count(*) filter (where c.relname like '%%_default') "
        "from pg_partitioned_table p join pg_inherits i on i.inhparent = p.partrelid "
        "join pg_class c on c.oid = i.inhrelid group by 1".replace("%%", "%"),
    )
    partitioned = {
        name
        for name, table in metadata.tables.items()
        if table.dialect_options["postgresql"]["partition_by"]
    }

    assert {name: (made, default) for name, made, default in found} == dict.fromkeys(
        partitioned, (4, 1)
    )


def test_the_files_of_revisions_are_named_for_them_in_order() -> None:
    script = ScriptDirectory.from_config(alembic_config())

    assert revisions() == tuple(
        reversed([revision.revision for revision in script.walk_revisions()])
    )
    assert head() == script.get_current_head()
