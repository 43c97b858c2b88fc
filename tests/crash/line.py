"""A line over TCP to an engine that can be cut, slowed, or let everything vanish on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, final

from psycopg.conninfo import make_conninfo

SOCKET: Final = ".s.PGSQL.5432"

_PIECE: Final = 65_536

FarEnd: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Connects to what a line leads to; an OSError where nobody is there."""


def database_at(folder: Path) -> FarEnd:
    """The PostgreSQL server whose socket is in a folder."""
    return partial(asyncio.open_unix_connection, folder / SOCKET)


@final
class Line:
    """From a port of loopback to an engine.

    `harmed` counts what was not carried as it should be: connections and pieces.
    """

    def __init__(self, far_end: FarEnd) -> None:
        self.port = 0
        self.harmed = 0
        self._far_end = far_end
        self._refuses = False
        self._delay = 0.0
        self._bytes_left: int | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()

    def url(self, direct: str) -> str:
        """The same login of a database over this line."""
        return make_conninfo(direct, host="127.0.0.1", port=self.port, sslmode="disable")

    def mend(self) -> None:
        """Carry everything at once."""
        self._refuses, self._delay, self._bytes_left = False, 0.0, None
        self._flows.set()

    def refuse(self) -> None:
        """Break off what there is, and take no connection more."""
        self._refuses = True
        self._break_off()

    def delay(self, seconds: float) -> None:
        """Carry every piece so much later."""
        self._delay = seconds

    def half_open(self) -> None:
        """Take connections and bytes, and give nothing on, in either direction."""
        self._flows.clear()

    def cut_after(self, size: int) -> None:
        """Break everything off once so many bytes more were carried: in mid-message."""
        self._bytes_left = size

    def _break_off(self) -> None:
        self._bytes_left = None
        self.harmed += len(self._writers)
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection with one to the server, for as long as both are there."""
        if self._refuses:
            self.harmed += 1
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await self._far_end()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        await asyncio.gather(
            self._pass(reader, far_writer), self._pass(far_reader, writer), return_exceptions=True
        )
        self._writers -= both

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                self.harmed += bool(self._delay) or not self._flows.is_set()
                await self._flows.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                if self._bytes_left is not None:
                    piece = piece[: self._bytes_left]
                    self._bytes_left -= len(piece)
                writer.write(piece)
                await writer.drain()
                if self._bytes_left == 0:
                    # What was let through goes out before the end of the connection.
                    writer.close()
                    self._break_off()
        finally:
            # Whichever side ends, the other one is ended by it.
            writer.transport.abort()


@asynccontextmanager
async def line_to(far_end: FarEnd, port: int = 0) -> AsyncGenerator[Line]:
    """A line to an engine; it begins at the port, or at any where none is given."""
    line = Line(far_end)
    listening = await asyncio.start_server(line.carry, "127.0.0.1", port)
    line.port = int(listening.sockets[0].getsockname()[1])
    try:
        yield line
    finally:
        line.refuse()
        listening.close()
