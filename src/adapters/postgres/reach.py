"""Reaching a database for the first time: how a login is named, and what is said when it fails."""

from collections.abc import Mapping

import psycopg
from psycopg.conninfo import make_conninfo

from adapters.postgres.condition import DatabaseUnreachableError
from adapters.postgres.migration import check_schema, migrate


def with_password(url: str, password: str) -> str:
    """A login's conninfo with its password in it."""
    return make_conninfo(url, password=password)


def migrate_reached(url: str, passwords: Mapping[str, str]) -> None:
    """Migrate. Blocking.

    Raises:
        DatabaseUnreachableError: The database does not answer, or not to this login.
        DatabaseSetupError: It cannot be brought to what this release needs.
    """
    try:
        migrate(url, passwords)
    except psycopg.OperationalError as error:
        raise DatabaseUnreachableError(" ".join(str(error).split())) from error


def check_reached(url: str) -> None:
    """Check that this release can serve the database. Blocking.

    Raises:
        DatabaseUnreachableError: The database does not answer, or not to this login.
        DatabaseSetupError: With what to do.
    """
    try:
        check_schema(url)
    except psycopg.OperationalError as error:
        raise DatabaseUnreachableError(" ".join(str(error).split())) from error
