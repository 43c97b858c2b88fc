"""How a database does, as a doctor asks: is it there, what is it, does this release fit it."""

from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import Final

import psycopg

from adapters.postgres.errors import DatabaseSetupError
from adapters.postgres.migration import check_schema

_SECONDS: Final = 5


class DatabaseUnreachableError(DatabaseSetupError):
    """The message says why, without a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What one look found. `problem` says why this release cannot serve it; empty where it can.

    `vectors` is the version of pgvector that can be had; empty where there is none.
    """

    version: str
    latency_seconds: float
    schema: str
    vectors: str
    problem: str


def condition_of(url: str) -> Condition:
    """Look at the database with any login. Blocking; nothing is changed.

    Raises:
        DatabaseUnreachableError: It does not answer, or not to this login.
    """
    try:
        return _look(url)
    except psycopg.Error as error:
        raise DatabaseUnreachableError(" ".join(str(error).split())) from error


def _look(url: str) -> Condition:
    start = monotonic()
    with closing(psycopg.connect(url, autocommit=True, connect_timeout=_SECONDS)) as connection:
        connection.execute("select 1")
        latency = monotonic() - start
        version = connection.info.parameter_status("server_version") or ""
        vectors = connection.execute(
            "select default_version from pg_available_extensions where name = 'vector'"
        ).fetchone()
        known = connection.execute("select to_regclass('alembic_version') is not null").fetchone()
        revision = (
            connection.execute("select version_num from alembic_version").fetchone()
            if known and known[0]
            else None
        )
    return Condition(
        version=version.split()[0] if version else "",
        latency_seconds=latency,
        schema=str(revision[0]) if revision else "",
        vectors=str(vectors[0]) if vectors else "",
        problem=_problem(url),
    )


def _problem(url: str) -> str:
    try:
        check_schema(url)
    except DatabaseSetupError as error:
        return str(error)
    return ""
