"""The connections of a service to its database, and how a tenant's rows are reached."""

from asyncio import CancelledError, current_task, timeout
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as QueueTimeoutError

from adapters.postgres.silence import hanging_up_after
from adapters.postgres.sql_pool import SqlPool
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId

if TYPE_CHECKING:  # see `SqlPool`
    from sqlalchemy.ext.asyncio import AsyncConnection

Connection: TypeAlias = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where the database is for each login, and how long anything may take.

    URLs are libpq's (`postgresql://…` or `host=… user=…`). Sizes are of each pool of one process.
    `silence_seconds` is how long a connection may say nothing to what keeps turns alive: a third
    of their lease, so that there is time to ask over another one.
    """

    request_url: str
    writer_url: str
    request_connections: int = 8
    writer_connections: int = 4
    connect_seconds: float = 5.0
    wait_seconds: float = 5.0
    statement_seconds: float = 30.0
    lock_seconds: float = 5.0
    idle_in_transaction_seconds: float = 30.0
    silence_seconds: float = 10.0

    @property
    def link_seconds(self) -> float:
        """How long a link waits for an answer before it makes another connection."""
        most = self.statement_seconds + self.connect_seconds
        return min(most, max(self.silence_seconds, self.connect_seconds))

    @property
    def patience_seconds(self) -> float:
        """How long a server is waited for that says nothing at all: longer than it may work."""
        return self.wait_seconds + self.statement_seconds


@dataclass(frozen=True, slots=True)
class Database:
    """Two logins: requests see one tenant, the writer those of its batch.

    `readers` and `writers` hand out psycopg connections (autocommit) for the hot path, where one
    database function is one round trip; everything else goes through `tenant` and SQLAlchemy.
    """

    settings: DatabaseSettings
    pool: SqlPool
    readers: "AsyncConnectionPool[Connection]"
    writers: "AsyncConnectionPool[Connection]"

    @asynccontextmanager
    async def tenant(self, tenant_id: TenantId) -> "AsyncGenerator[AsyncConnection]":
        """One transaction that sees this tenant's rows and no others.

        Leaving it commits; an exception rolls it back.

        Raises:
            StorageUnavailableError: The database does not answer.
        """
        with answering_storage():
            async with timeout(self.settings.patience_seconds), self.pool.begin() as connection:
                await connection.execute(_SET_TENANT, {"tenant": str(tenant_id)})
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Connection]:
        """A connection of requests in autocommit: the function that is called sets the tenant."""
        with answering_storage():
            asked = _cancellations()
            async with (
                timeout(self.settings.patience_seconds),
                self.readers.connection() as connection,
            ):
                _heed_cancellation_since(asked)
                yield connection

    @asynccontextmanager
    async def keeping(self) -> AsyncGenerator[Connection]:
        """A connection of the writer for what keeps turns alive: it is given up when it is silent.

        Raises:
            StorageUnavailableError: Nothing came; asking again takes another connection.
        """
        async with self.writing() as connection:
            with hanging_up_after(connection, self.settings.silence_seconds):
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Connection]:
        """A connection of the writer in autocommit: the function that is called locks tenants."""
        with answering_storage():
            asked = _cancellations()
            async with (
                timeout(self.settings.patience_seconds),
                self.writers.connection() as connection,
            ):
                _heed_cancellation_since(asked)
                yield connection

    async def connect_writer(self) -> Connection:
        """A connection of the writer that nobody else uses; whoever asked closes it."""
        return await _connect(self.settings, self.settings.writer_url)

    async def connect_reader(self) -> Connection:
        """A connection of requests that nobody else uses; whoever asked closes it."""
        return await _connect(self.settings, self.settings.request_url)


def _cancellations() -> int:
    task = current_task()
    return 0 if task is None else task.cancelling()


def _heed_cancellation_since(asked: int) -> None:
    """End a task here that was cancelled while it waited, and was not told.

    On Python 3.11 `asyncio.wait_for`, with which the pool waits, forgets a cancellation that comes
    in the moment in which the connection does (python/cpython#86296, mended in 3.12).
    """
    if _cancellations() > asked:
        raise CancelledError


_SET_TENANT = sa.text("select set_config('app.tenant', :tenant, true)")


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncGenerator[Database]:
    """Open the pools; connections are made when they are first needed, and anew when lost."""

    async def connect() -> Connection:
        return await _connect(settings, settings.request_url, autocommit=False)

    pool = SqlPool(connect, size=settings.request_connections, wait_seconds=settings.wait_seconds)
    try:
        async with (
            _pool(settings, settings.request_url, settings.request_connections) as readers,
            _pool(settings, settings.writer_url, settings.writer_connections) as writers,
        ):
            yield Database(settings, pool, readers, writers)
    finally:
        await pool.dispose()


@contextmanager
def answering_storage() -> Generator[None]:
    """Answer a database that cannot be reached, or that is too busy, as unavailable.

    Raises:
        StorageUnavailableError: In place of the driver's errors of that kind.
    """
    try:
        yield
    except DBAPIError as error:
        away = isinstance(error.orig, UNAVAILABLE) and not isinstance(error.orig, TOO_MUCH)
        if error.connection_invalidated or away:
            raise StorageUnavailableError from error
        raise
    except TOO_MUCH:
        raise
    except (*UNAVAILABLE, *NO_ANSWER) as error:
        raise StorageUnavailableError from error


UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
"""Lost connections, shutdowns, time-outs, a full disk, and a server that became a standby.

Operational errors are also `TOO_MUCH`, which are not of this kind.
"""

TOO_MUCH = (
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
    psycopg.errors.TooManyColumns,
    psycopg.errors.TooManyArguments,
)
"""What no server takes, however often it is asked: all errors of class 54."""

NO_ANSWER = (PoolTimeout, PoolClosed, TooManyRequests, QueueTimeoutError, TimeoutError)
"""No connection could be had in time, or nothing came over it."""


_CHECK_SECONDS: Final = 2.0
"""An idle connection that does not answer within this is replaced."""


def _pool(settings: DatabaseSettings, url: str, size: int) -> "AsyncConnectionPool[Connection]":
    patience = min(_CHECK_SECONDS, settings.silence_seconds)

    async def check(connection: Connection) -> None:
        with hanging_up_after(connection, patience):
            await AsyncConnectionPool.check_connection(connection)

    return AsyncConnectionPool(
        _conninfo(settings, url),
        kwargs={"autocommit": True},
        min_size=0,
        max_size=size,
        timeout=settings.wait_seconds,
        max_idle=300.0,
        open=False,
        check=check,
    )


async def _connect(settings: DatabaseSettings, url: str, *, autocommit: bool = True) -> Connection:
    with answering_storage():
        return await psycopg.AsyncConnection.connect(
            _conninfo(settings, url), autocommit=autocommit
        )


def _conninfo(settings: DatabaseSettings, url: str) -> str:
    limits = {
        "statement_timeout": settings.statement_seconds,
        "lock_timeout": settings.lock_seconds,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_seconds,
    }
    return make_conninfo(
        url,
        connect_timeout=max(2, round(settings.connect_seconds)),
        options=" ".join(f"-c {name}={seconds * 1000:.0f}" for name, seconds in limits.items()),
        application_name="somagent",
        keepalives_idle=max(1, round(settings.silence_seconds)),
        tcp_user_timeout=round(settings.silence_seconds * 1000),
    )
