"""A server of tools on loopback that answers with the very bytes it is told, or not at all."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, final

SILENCE: Final = None
"""No answer, until the client leaves."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came; names of headers are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def http_answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer; the underscores of a header's name stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@final
@dataclass(slots=True)
class ToolServer:
    """Answers each request with the next of `answers`, and says `done` when none is left."""

    url: str = ""
    answers: deque[bytes | None] = field(default_factory=deque[bytes | None])
    received: list[Received] = field(default_factory=list[Received])

    def will(self, *answers: bytes | None) -> None:
        self.answers.extend(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request, answer it, and hang up."""
        try:
            self.received.append(await _request(reader))
            told = self.answers.popleft() if self.answers else http_answer(200, b"done")
            if told is None:
                await reader.read()
            else:
                writer.write(told)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # The client has left, as some tests let it.
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    pairs = [line.partition(":") for line in head[1:] if line]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)


@asynccontextmanager
async def tool_server() -> AsyncGenerator[ToolServer]:
    made = ToolServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made.url = f"http://127.0.0.1:{port}"
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
