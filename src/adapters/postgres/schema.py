"""The whole schema as SQL statements: roles, tables, row-level security and grants."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment

from adapters.postgres.roles import DEFINER_ROLES, LOGINS, OWNER, REQUEST, WRITER
from adapters.postgres.tables.metadata import Access, Table, rules_of
from adapters.postgres.tables.schema import metadata

FUNCTIONS: Final = Path(__file__).parent / "functions"

# Each setting is read once a statement, by the inner select; after a transaction it is '', hence
# nullif. Without `is true` the writer's would become an index condition, which a generic plan turns
# into scans of all rows of the batch's tenants.
_REQUEST_ROWS: Final = "tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid)"
_WRITER_ROWS: Final = (
    "(tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])"
    "::uuid[])) is true"
)


def role_statements() -> Iterator[str]:
    """Make the roles that are missing, and let the migrating login act as them without inheriting.

    Roles belong to the whole server: two databases on it share them.
    """
    for role in (OWNER, *DEFINER_ROLES, *LOGINS):
        login = "login" if role in LOGINS else "nologin"
        # A second database being migrated at this moment may make the role between look and make.
        yield (
            f"do $$ begin create role {role} {login} nosuperuser nobypassrls noinherit; "
            "exception when duplicate_object or unique_violation then null; end $$"
        )
    for role in (OWNER, *DEFINER_ROLES):
        yield (
            f"do $$ begin if not pg_has_role(current_user, '{role}', 'set') then "
            f"execute format('grant {role} to %I with set true, inherit false', current_user); "
            "end if; end $$"
        )
    yield f"grant usage, create on schema public to {OWNER}"
    for role in (*LOGINS, *DEFINER_ROLES):
        yield f"grant usage on schema public to {role}"
    # The writer's statements reach every row by its primary key; these keep the planner to it
    # whatever it believes about tables that were empty a minute ago.
    for setting in (
        "plan_cache_mode = force_generic_plan",
        "random_page_cost = 1.1",
        "enable_seqscan = off",
        "enable_bitmapscan = off",
    ):
        yield (
            f"do $$ begin execute format('alter role {WRITER} in database %I set {setting}', "
            "current_database()); end $$"
        )


def table_statements(names: Sequence[str]) -> Iterator[str]:
    """Make these tables, as the owner."""
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    for table in (metadata.tables[name] for name in names):
        yield str(CreateTable(table).compile(dialect=dialect)).strip()
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect)).strip()
        if table.comment is not None:
            yield str(SetTableComment(table).compile(dialect=dialect))
        for column in table.columns:
            if column.comment is not None:
                yield str(SetColumnComment(column).compile(dialect=dialect))
        yield from _rules(table)


def _rules(table: Table) -> Iterator[str]:
    rules, name = rules_of(table), table.name
    if rules.fillfactor is not None and table.comment is None:
        yield f"alter table {name} set (fillfactor = {rules.fillfactor})"
    for column in rules.external:
        yield f"alter table {name} alter {column} set storage external"
    yield f"alter table {name} enable row level security"
    yield f"alter table {name} force row level security"
    for role, access, rows, policy in (
        (REQUEST, rules.request, _REQUEST_ROWS, "request"),
        (WRITER, rules.writer, _WRITER_ROWS, "writer"),
        *((one.role, one.access, one.rows, one.role) for one in rules.policies),
    ):
        if access != Access.NONE:
            yield f"create policy {policy} on {name} to {role} using ({rows})"
            yield f"grant {access} on {name} to {role}"
