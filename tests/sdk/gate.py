"""A way over TCP to a server that a test can close, cut, or let everything vanish on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, final

_PIECE: Final = 65_536


@final
class Gate:
    """Listens on a port of its own and leads to a server's.

    What happens to the connections that are there does not happen to those that come after, save
    when it is closed: then there come none.
    """

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._open: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._free = _set_event()
        self._cut_after = 0
        self.address = ""
        self.connections = 0

    async def open(self) -> None:
        self._open = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._open.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Refuse connections, and break off those that are there."""
        if self._open is not None:
            self._open.close()
        self.cut()

    def cut(self) -> None:
        """Break off every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def cut_after(self, count: int) -> None:
        """Break off the connection over which so many more bytes of the server have come."""
        self._cut_after = count

    def block(self) -> None:
        """Let nothing pass any more and say nothing of it: the other side seems to be there."""
        self._free.clear()
        self._free = _set_event()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._server)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        # Whichever side ends, the other one is ended by it.
        await asyncio.gather(
            self._pass(reader, far_writer, self._free),
            self._back(far_reader, writer, self._free),
            return_exceptions=True,
        )
        self._writers -= both

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, free: asyncio.Event
    ) -> None:
        try:
            while piece := await reader.read(_PIECE):
                await free.wait()
                writer.write(piece)
                await writer.drain()
        finally:
            writer.transport.abort()

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, free: asyncio.Event
    ) -> None:
        try:
            while piece := await reader.read(_PIECE):
                await free.wait()
                last = 0 < self._cut_after <= len(piece)
                writer.write(piece[: self._cut_after] if last else piece)
                self._cut_after = max(0, self._cut_after - len(piece))
                await writer.drain()
                if last:
                    return
        finally:
            writer.close()


@asynccontextmanager
async def gate_to(server: str) -> AsyncGenerator[Gate]:
    """A gate that is open, until the end of the block."""
    gate = Gate(server)
    await gate.open()
    try:
        yield gate
    finally:
        gate.close()


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
