"""A link whose connection is reset: what was sent over it fails at once."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, final

import psycopg
import pytest
import uvloop
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.postgres.database import Connection, DatabaseSettings
from adapters.postgres.link import Link
from entrypoints.background import stopped

pytestmark = pytest.mark.postgres

SOCKET: Final = ".s.PGSQL.5432"
PATIENCE_SECONDS: Final = 60.0

FIELDS: Final = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
LAST_WORDS: Final = b"E" + (len(FIELDS) + 4).to_bytes(4) + FIELDS
"""What a backend says as it leaves: an error of the protocol."""


@final
class Reset:
    """A way for one connection, by which the far end leaves without reading what has come."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._near = near
        self._tasks = [
            asyncio.create_task(_carry(near, far)),
            asyncio.create_task(_carry(far, near)),
        ]

    async def stop_reading(self) -> None:
        await stopped(*self._tasks)

    def leave(self) -> None:
        """While something is there that nobody read, which makes of the close a reset."""
        assert self._near.recv(1, socket.MSG_PEEK)
        self._near.send(LAST_WORDS)
        self._near.close()


async def _carry(here: socket.socket, there: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while piece := await loop.sock_recv(here, 65_536):
        await loop.sock_sendall(there, piece)


@asynccontextmanager
async def way_to(server: str, folder: Path) -> AsyncGenerator[Callable[[], Reset]]:
    """A socket in the folder that leads to the server's; gives the way of who has come."""
    loop = asyncio.get_running_loop()
    ways: list[Reset] = []
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as far:
        listening.bind(str(folder / SOCKET))
        listening.listen()
        for one in (listening, far):
            one.settimeout(0)

        async def take() -> None:
            near, _ = await loop.sock_accept(listening)
            near.settimeout(0)
            await loop.sock_connect(far, server)
            ways.append(Reset(near, far))

        task = asyncio.create_task(take())
        try:
            yield lambda: ways[0]
        finally:
            await stopped(task)
            for way in ways:
                await way.stop_reading()


async def fails_at_once(settings: DatabaseSettings, folder: Path) -> None:
    server = Path(str(conninfo_to_dict(settings.request_url)["host"]), SOCKET)
    url = make_conninfo(settings.request_url, host=str(folder))

    async def connect() -> Connection:
        return await psycopg.AsyncConnection.connect(url, autocommit=True)

    async with way_to(str(server), folder) as way:
        link = Link(connect, {"one": "select 1"}, patience_seconds=10 * PATIENCE_SECONDS)
        await link.transact(("one", ()))
        await way().stop_reading()

        unread = asyncio.create_task(link.transact(("one", ())))
        await asyncio.sleep(0)
        way().leave()

        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(psycopg.OperationalError):
                await unread
        await link.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_what_a_server_leaves_unread_fails_with_the_connection(
    run: Callable[[Coroutine[None, None, None]], None],
    database_settings: DatabaseSettings,
    tmp_path: Path,
) -> None:
    run(fails_at_once(database_settings, tmp_path))
