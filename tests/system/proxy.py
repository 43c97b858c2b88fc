"""A way to a PostgreSQL server that a test can cut, or let everything vanish on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, final

SOCKET: Final = ".s.PGSQL.5432"

_PIECE: Final = 65_536


@final
class Way:
    """A socket in a folder of its own that leads to a server's.

    Cut, it is not there, and what went over it is broken off. Blocked, it takes connections and
    bytes, and gives nothing back.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self._server = server / SOCKET
        self._open: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._free = asyncio.Event()
        self._free.set()

    async def mend(self) -> None:
        """Be there."""
        self._free.set()
        if self._open is None:
            self._open = await asyncio.start_unix_server(self._carry, self.folder / SOCKET)

    def cut(self) -> None:
        """Be gone, at once."""
        self._free.set()
        if self._open is not None:
            self._open.close()
            self._open = None
        (self.folder / SOCKET).unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()

    def block(self) -> None:
        self._free.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._server)
        both = {writer, far_writer}
        self._writers |= both
        # Whichever side ends, the other one is ended by it.
        await asyncio.gather(
            self._pass(reader, far_writer), self._pass(far_reader, writer), return_exceptions=True
        )
        self._writers -= both

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                await self._free.wait()
                writer.write(piece)
                await writer.drain()
        finally:
            writer.transport.abort()


@asynccontextmanager
async def way_to(server: Path, folder: Path) -> AsyncGenerator[Way]:
    """A way to the server whose socket is in a folder; `folder` is the way's own."""
    way = Way(folder, server)
    await way.mend()
    try:
        yield way
    finally:
        way.cut()
