"""A throw-away PostgreSQL for a test run: one server for all workers, one database for each."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Final
from uuid import uuid1

import psycopg
import pytest
import pytest_asyncio
from psycopg.conninfo import make_conninfo

from adapters.postgres.database import Database, DatabaseSettings, open_database
from adapters.postgres.embedded import embedded_server
from adapters.postgres.embedded_lifetime import SUPERUSER, EmbeddedServer
from adapters.postgres.migration import migrate
from adapters.postgres.roles import REQUEST, WRITER
from tests.doubles import PATIENCE
from tests.plugins.keeper import ends_postgres

TEMPLATE: Final = "template_somagent"


@pytest.fixture(scope="session")
def server_folder(request: pytest.FixtureRequest) -> Generator[Path]:
    """One for all workers of a run; the last to leave removes it.

    Not below the run's own temporary folder: for root, the server runs as a user who may not go
    there.
    """
    worker: dict[str, str] = getattr(request.config, "workerinput", {})
    run = worker.get("testrunuid", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"somagent-tests-{os.geteuid()}-{run}"
    lock = folder.with_suffix(".lock")
    with lock.open("ab") as use:
        fcntl.flock(use, fcntl.LOCK_SH)
        yield folder
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server(server_folder: Path) -> AsyncGenerator[EmbeddedServer]:
    """A running server; its commits do not survive the host."""
    ends_postgres(server_folder)
    async with embedded_server(server_folder, durable=False) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres_server: EmbeddedServer, server_folder: Path) -> str:
    """The name of a migrated database that others are copied from."""
    await asyncio.to_thread(_make_template, postgres_server, server_folder)
    return TEMPLATE


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database_settings(postgres_server: EmbeddedServer, template: str) -> DatabaseSettings:
    """A database of this worker, for all its tests: each uses tenants of its own."""
    return await asyncio.to_thread(copy_of, postgres_server, template)


@pytest_asyncio.fixture
async def database(database_settings: DatabaseSettings) -> AsyncGenerator[Database]:
    """This worker's database, opened for one test."""
    async with open_database(database_settings) as opened:
        yield opened


@pytest_asyncio.fixture
async def fresh_settings(postgres_server: EmbeddedServer, template: str) -> DatabaseSettings:
    """A new database, for a test that looks at all tenants or that breaks things (0.1 s)."""
    return await asyncio.to_thread(copy_of, postgres_server, template)


@pytest_asyncio.fixture
async def fresh_database(fresh_settings: DatabaseSettings) -> AsyncGenerator[Database]:
    """A new database, opened for one test."""
    async with open_database(fresh_settings) as opened:
        yield opened


def copy_of(server: EmbeddedServer, template: str) -> DatabaseSettings:
    """Make a database like the template."""
    name = f"test_{uuid1().hex}"
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}".encode())
    return DatabaseSettings(
        request_url=server.url(REQUEST, name),
        writer_url=server.url(WRITER, name),
        connect_seconds=PATIENCE,
        wait_seconds=PATIENCE,
    )


def owner_url(settings: DatabaseSettings) -> str:
    """The superuser's way into the same database."""
    return make_conninfo(settings.request_url, user=SUPERUSER)


def _make_template(server: EmbeddedServer, folder: Path) -> None:
    with (folder / "template.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            exists = "select from pg_database where datname = %s and datistemplate"
            if connection.execute(exists, (TEMPLATE,)).fetchall():
                return
            connection.execute(f"drop database if exists {TEMPLATE}".encode())
            connection.execute(f"create database {TEMPLATE}".encode())
        migrate(server.url(SUPERUSER, TEMPLATE))
        with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f"alter database {TEMPLATE} with is_template true".encode())
