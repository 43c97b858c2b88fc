"""SQLAlchemy Core over psycopg's async connections, without SQLAlchemy's own async layer.

That layer brings the whole ORM, which takes 6 MB of every process and is used by nobody here. What
it does for Core is this: each call of the synchronous engine runs in a greenlet, which the async
driver leaves for the event loop whenever it has to wait.
"""

from asyncio import create_task, shield
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast, final

import sqlalchemy as sa
from sqlalchemy.util import greenlet_spawn

if TYPE_CHECKING:  # its types alone
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncConnection

Parameters = Mapping[str, object] | Sequence[Mapping[str, object]]


@final
class SqlPool:
    """A pool of connections that `connect` makes, none of them in autocommit."""

    def __init__(
        self, connect: Callable[[], Awaitable[object]], *, size: int, wait_seconds: float
    ) -> None:
        def adapted() -> "DBAPIConnection":
            made: DBAPIConnection = self._engine.dialect.loaded_dbapi.connect(
                async_creator_fn=connect
            )
            return made

        self._engine: sa.Engine = sa.create_engine(
            "postgresql+psycopg_async://",
            creator=adapted,
            pool_size=size,
            max_overflow=0,
            pool_timeout=wait_seconds,
            pool_pre_ping=True,
        )

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator["AsyncConnection"]:
        """One transaction: leaving commits it, an exception rolls it back.

        Of SQLAlchemy's class the connection has `execute`, which is all that is used.
        """
        connection = await greenlet_spawn(self._engine.connect)
        try:
            transaction = await greenlet_spawn(connection.begin)
            try:
                yield cast("AsyncConnection", cast("object", _Connection(connection)))
            except BaseException:
                await greenlet_spawn(transaction.rollback)
                raise
            await greenlet_spawn(transaction.commit)
        finally:
            # To its end, also where whoever waits is cancelled: else the pool had lost it.
            await shield(create_task(_closed(connection)))

    async def dispose(self) -> None:
        await greenlet_spawn(self._engine.dispose)


@final
class _Connection:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    async def execute(
        self, statement: sa.Executable, parameters: Parameters | None = None
    ) -> object:
        return await greenlet_spawn(self._connection.execute, statement, parameters)


async def _closed(connection: sa.Connection) -> None:
    await greenlet_spawn(connection.close)
