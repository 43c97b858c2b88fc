"""A provider on loopback, as cheap as can be: `python -m bench.upstream`, which prints its port.

It speaks the OpenAI stream: the first tool that is offered is called, and once it has answered come
64 tokens of text. Without a pace they come in one write; with one, each in a write of its own. What
is sent to any other path is taken and forgotten, which makes it a collector of spans too.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Final, cast, final

import orjson
import uvloop

from bench.script import (
    OTHER_TOKENS,
    REST_OF_TEXT,
    TEXT_END,
    first_token,
    pace_in,
    tool_call,
)

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_TAKEN: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_PLACE: Final = b"/chat/completions "


@final
class Connection(asyncio.Protocol):
    """One keep-alive connection; requests on it come one after the other."""

    def __init__(self) -> None:
        self._received = b""
        self._write: Callable[[bytes], None] = _nowhere
        self._calls: dict[str, bytes] = {}
        self._pacing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast("asyncio.Transport", transport).write

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._pacing is not None:
            self._pacing.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_END_OF_HEAD)) >= 0:
            head, begin = self._received[:end], end + len(_END_OF_HEAD)
            size = _length_in(head)
            if len(self._received) < begin + size:
                return
            body = self._received[begin : begin + size]
            self._received = self._received[begin + size :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if _PLACE not in head.partition(b"\r\n")[0]:
            self._write(_TAKEN)
            return
        asked = orjson.loads(body)
        messages = asked["messages"]
        tools = asked.get("tools")
        if tools and messages[-1]["role"] != "tool":
            self._call(tools[0]["function"]["name"])
            return
        said = next(one for one in reversed(messages) if one["role"] == "user")
        pace = pace_in(said["content"])
        if pace:
            self._pace(pace, 0)
        else:
            self._write(first_token() + REST_OF_TEXT)

    def _call(self, tool: str) -> None:
        if tool not in self._calls:
            self._calls[tool] = tool_call(tool)
        self._write(self._calls[tool])

    def _pace(self, seconds: float, number: int) -> None:
        """Write a token, and the next one after a while; the end goes with the last."""
        if number == 0:
            self._write(first_token())
        else:
            self._write(OTHER_TOKENS[number - 1])
        if number == len(OTHER_TOKENS):
            self._write(TEXT_END)
            return
        loop = asyncio.get_running_loop()
        self._pacing = loop.call_later(seconds, self._pace, seconds, number + 1)


def _nowhere(data: bytes) -> None:
    del data


def _length_in(head: bytes) -> int:
    lowered = head.lower()
    found = lowered.find(_LENGTH)
    if found < 0:
        return 0
    return int(lowered[found + len(_LENGTH) :].partition(b"\r\n")[0])


async def serve() -> None:
    """Serve until standard input ends: whoever started us has gone."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its one output
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
