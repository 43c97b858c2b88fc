"""Brings a database's schema up to date, one process at a time."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psycopg
from psycopg import sql

from adapters.postgres.deployment import deploy_functions, functions_digest
from adapters.postgres.errors import (
    MigrationBusyError,
    SchemaOutdatedError,
    SchemaTooNewError,
    ServerTooOldError,
    UpgradeFailedError,
)
from adapters.postgres.roles import LOGINS, OWNER
from adapters.postgres.schema import role_statements

VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
"""Where the revisions are."""

OLDEST_MAJOR: Final = 18
_LOCK: Final = 0x536F6D61
"""The advisory lock of whoever migrates: the first four letters of the product."""

_Connection = psycopg.Connection[tuple[object, ...]]


def migrate(
    url: str, passwords: Mapping[str, str] = MappingProxyType({}), patience_seconds: float = 120
) -> None:
    """Make or upgrade the schema, deploy the functions and open the partitions of these months.

    May be run by any number of processes at once, and again after it was killed at any point.

    Args:
        url: Of a login that may make roles and owns the database, a superuser for instance.
        passwords: Those of the logins of requests and of the writer, by role, where they have any.
        patience_seconds: How long to wait for another process that migrates.

    Raises:
        DatabaseSetupError: The database cannot be brought to what this release needs.
    """
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        refuse_old_server(connection)
        _lock(connection, patience_seconds)
        refuse_newer_schema(connection)
        with connection.transaction():
            for statement in role_statements():
                connection.execute(statement.encode())
            for role in LOGINS:
                if role in passwords:
                    _set_password(connection, role, passwords[role])
        if _revision(connection) != head():
            _upgrade(url)
        with connection.transaction():
            deploy_functions(connection)
        with connection.transaction():
            connection.execute(f"set local role {OWNER}")
            connection.execute("select open_partitions()")


def check_schema(url: str) -> None:
    """Refuse to serve a database that is older or newer than this release. Any login may look.

    Raises:
        DatabaseSetupError: With what to do.
    """
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        refuse_old_server(connection)
        refuse_newer_schema(connection)
        revision = _revision(connection)
        if revision != head():
            raise SchemaOutdatedError(revision, head())
        deployed = connection.execute("select digest from deployed_functions").fetchone()
        if deployed is None or deployed[0] != functions_digest():
            raise SchemaOutdatedError(f"{revision} with other functions", head())


def refuse_old_server(connection: _Connection, oldest: int = OLDEST_MAJOR) -> None:
    """Raises: ServerTooOldError: PostgreSQL of an older major version."""
    if connection.info.server_version // 10_000 < oldest:
        raise ServerTooOldError(connection.info.parameter_status("server_version") or "", oldest)


def refuse_newer_schema(connection: _Connection) -> None:
    """Raises: SchemaTooNewError: The database's revision is none of this release's."""
    revision = _revision(connection)
    if revision is not None and revision not in revisions():
        raise SchemaTooNewError(revision)


def _revision(connection: _Connection) -> str | None:
    exists = connection.execute("select to_regclass('alembic_version') is not null").fetchone()
    if exists is None or not exists[0]:
        return None
    row = connection.execute("select version_num from alembic_version").fetchone()
    return None if row is None else str(row[0])


def revisions() -> tuple[str, ...]:
    """Those of this release in their order, by the names of their files."""
    return tuple(file.stem[1:5] for file in sorted(VERSIONS.glob("r[0-9]*.py")))


def head() -> str:
    """The revision that this release serves."""
    return revisions()[-1]


def _upgrade(url: str) -> None:
    # In a process of its own: whoever serves next would keep Alembic's memory for good.
    done = subprocess.run(
        (sys.executable, "-P", "-m", "adapters.postgres.upgrade"),
        input=url,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UpgradeFailedError(done.stderr.strip().rpartition("\n")[2])


def _lock(connection: _Connection, seconds: float) -> None:
    connection.execute("select set_config('lock_timeout', %s, false)", (f"{seconds * 1000:.0f}",))
    try:
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
    except psycopg.errors.LockNotAvailable as busy:
        raise MigrationBusyError(seconds) from busy


def _set_password(connection: _Connection, role: str, password: str) -> None:
    connection.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password))
    )
