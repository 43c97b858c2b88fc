"""The operators' HTTP port: /metrics, /livez and /readyz, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, final

import orjson

from entrypoints.failure import StartError
from entrypoints.readiness import Readiness
from entrypoints.settings.values import host_of

LARGEST_HEAD: Final = 8192
"""Bytes of a request's line and headers; nothing here takes a body."""

REQUEST_SECONDS: Final = 5.0
"""From the connection to the end of the answer: a slow reader is cut off."""

MOST_CONNECTIONS: Final = 64

_END: Final = b"\r\n\r\n"
_PARTS: Final = 3
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    kind: str = _TEXT
    body: bytes = b""

    def bytes_of(self, *, with_body: bool) -> bytes:
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            f"content-type: {self.kind}\r\ncontent-length: {len(self.body)}\r\n"
            "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            "connection: close\r\n\r\n"
        )
        return head.encode() + (self.body if with_body else b"")


@final
class OperatorsPort:
    """HTTP/1.1, one request a connection: so little that little can be wrong with it."""

    def __init__(self, *, readiness: Readiness, exposition: Callable[[], bytes]) -> None:
        self._readiness = readiness
        self._exposition = exposition
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection and close it."""
        self._open += 1
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._answer(reader, writer)
        except (TimeoutError, ConnectionError):
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open > MOST_CONNECTIONS:
            answer, with_body = Answer(HTTPStatus.SERVICE_UNAVAILABLE), True
        else:
            method, path = await _request(reader)
            answer, with_body = await self._to(method, path), method != "HEAD"
        writer.write(answer.bytes_of(with_body=with_body))
        await writer.drain()

    async def _to(self, method: str, path: str) -> Answer:
        if not method:
            return Answer(HTTPStatus.BAD_REQUEST)
        if method not in {"GET", "HEAD"}:
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED)
        match path.partition("?")[0]:
            case "/livez":
                return Answer(HTTPStatus.OK, body=b"ok\n")
            case "/readyz":
                return await self._ready()
            case "/metrics":
                return Answer(HTTPStatus.OK, _METRICS, self._exposition())
            case _:
                return Answer(HTTPStatus.NOT_FOUND)

    async def _ready(self) -> Answer:
        health = await self._readiness()
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        checks = {name: problem or "ok" for name, problem in health.problems.items()}
        return Answer(status, _JSON, orjson.dumps({"ready": health.ready, "checks": checks}))


@asynccontextmanager
async def operators_port(port: OperatorsPort, address: str) -> AsyncGenerator[int]:
    """Serve the port for as long as the context is open; gives the number that was bound.

    Raises:
        StartError: The address is taken, or is none of this machine.
    """
    host, number = host_of(address), int(address.rpartition(":")[2])
    try:
        server = await asyncio.start_server(port.serve, host, number, limit=LARGEST_HEAD)
    except OSError as error:
        raise StartError(
            "http",
            f"{address} cannot be listened on: {error.strerror or error}",
            "stop what is there, or take another one: server.http_address, relay.http_address or "
            "kafka.consumers.http_address, or --http-address",
        ) from None
    async with server:
        bound: int = server.sockets[0].getsockname()[1]
        yield bound


def bound(address: str, port: int) -> str:
    """The address with the port that was bound, which need not be the one that was asked for."""
    return f"{address.rpartition(':')[0]}:{port}"


async def _request(reader: asyncio.StreamReader) -> tuple[str, str]:
    """The method and path of a request; empty where it is none."""
    try:
        head = await reader.readuntil(_END)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return "", ""
    line = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(line) != _PARTS or not line[2].startswith("HTTP/1."):
        return "", ""
    return line[0], line[1]
