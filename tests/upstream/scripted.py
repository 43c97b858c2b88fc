"""A provider that speaks the OpenAI stream on loopback, and answers as it is told."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias, final

import orjson
from aiohttp import web

from application.kernel.ports import Json
from tests.upstream.chunks import answer


class Ending(Enum):
    """How a stream can go wrong at a place: its socket is cut, or it goes on for ever."""

    CUT = auto()
    SILENCE = auto()


@dataclass(frozen=True, slots=True)
class Pause:
    """For the bench alone: how long the upstream waits before its next step."""

    seconds: float


Step: TypeAlias = bytes | asyncio.Event | Pause | Ending
"""Bytes are one write. An event is waited for, so a test paces the stream by its own hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the upstream answers to one request. The headers go out with the first step."""

    steps: Sequence[Step] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    silent: bool = False


def streamed(*steps: Step) -> Reply:
    return Reply(steps=steps)


def plain(
    status: int, body: bytes = b"", content_type: str = "application/json", **headers: str
) -> Reply:
    """An answer that is no stream; the underscores of a header's name stand for hyphens."""
    return Reply(
        steps=(body,),
        status=status,
        content_type=content_type,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


NOTHING: Final = Reply(silent=True)
"""Not even headers, until the client leaves."""


@dataclass(slots=True)
class Exchange:
    """One request, and whether its client left before the answer was whole."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Json]
    connection: int
    left: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


Chooser: TypeAlias = Callable[[Mapping[str, Json]], Reply]


def default_reply(_body: Mapping[str, Json]) -> Reply:
    return streamed(*answer("Good ", "day."))


@final
class ScriptedUpstream:
    """Answers chat completions with the replies that were queued, then with the chooser's.

    `came` is set when a request has come.
    """

    def __init__(self, chooser: Chooser = default_reply) -> None:
        self.exchanges: list[Exchange] = []
        self.base_url = ""
        self.socket = ""
        self.models: Reply = plain(200, b'{"data": [{"id": "scripted", "owned_by": "tests"}]}')
        self.others: dict[str, Chooser] = {}
        self.came = asyncio.Event()
        self._chooser = chooser
        self._queued: deque[Reply] = deque()

    def answers(self, *replies: Reply) -> None:
        """Queue replies, one for each of the next requests."""
        self._queued.extend(replies)

    @property
    def last(self) -> Exchange:
        return self.exchanges[-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        exchange = await _exchange_of(request)
        self.exchanges.append(exchange)
        self.came.set()
        with _watched(exchange):
            return await self._perform(self._reply(request, exchange), request)

    def _reply(self, request: web.Request, exchange: Exchange) -> Reply:
        if request.path.endswith("/chat/completions"):
            return self._queued.popleft() if self._queued else self._chooser(exchange.body)
        if request.path.endswith("/models"):
            return self.models
        other = self.others.get(request.path)
        return other(exchange.body) if other else plain(404, b'{"error": {"code": 404}}')

    async def _perform(self, reply: Reply, request: web.Request) -> web.StreamResponse:
        if reply.silent:
            await asyncio.Event().wait()
        response = web.StreamResponse(
            status=reply.status, headers={**reply.headers, "Content-Type": reply.content_type}
        )
        await response.prepare(request)
        for step in reply.steps:
            await _take(step, request, response)
        if request.transport is not None and not request.transport.is_closing():
            await response.write_eof()
        return response


async def _take(step: Step, request: web.Request, response: web.StreamResponse) -> None:
    match step:
        case bytes():
            await response.write(step)
        case asyncio.Event():
            await step.wait()
        case Pause():
            await asyncio.sleep(step.seconds)
        case Ending.SILENCE:
            await asyncio.Event().wait()
        case Ending.CUT:
            if request.transport is not None:
                request.transport.close()  # after what was written has gone out


@contextmanager
def _watched(exchange: Exchange) -> Generator[None]:
    try:
        yield
    except (asyncio.CancelledError, ConnectionError):
        exchange.left.set()
        raise
    finally:
        exchange.ended.set()


async def _exchange_of(request: web.Request) -> Exchange:
    body = await request.read()
    return Exchange(
        path=request.path,
        headers=dict(request.headers),
        body=orjson.loads(body) if body else {},
        connection=id(request.transport),
    )


@asynccontextmanager
async def scripted_upstream(
    chooser: Chooser = default_reply, *, socket: str = "", port: int = 0
) -> AsyncGenerator[ScriptedUpstream]:
    """Serve on a free port of loopback, on a given one, or on a socket file."""
    upstream = ScriptedUpstream(chooser)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        if socket:
            await web.UnixSite(runner, socket).start()
            upstream.socket, upstream.base_url = socket, "http://localhost/v1"
        else:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            host, bound = runner.addresses[0]
            upstream.base_url = f"http://{host}:{bound}/v1"
        yield upstream
    finally:
        await runner.cleanup()
