"""The floor: a turn with nothing but what no turn can do without: `python -m bench.floor`.

The same two model calls and tool call as the product's turn, the text streamed to the client as it
comes, and one plain commit of the two messages. No identity, no checks, no budget, no records.
Whatever one read of the socket brings is one message to the client, as in the product.
"""

import argparse
import asyncio
import sys
import uuid
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Final, NotRequired, TypeAlias, TypedDict, final

import grpc
import orjson
import psycopg
import uvloop
from aiohttp import ClientSession, TCPConnector
from google.protobuf.message import Message

from somagent.conversation.v1 import conversation_pb2 as pb

Call: TypeAlias = "grpc.aio.ServicerContext[Message, Message]"
Connections: TypeAlias = "asyncio.Queue[psycopg.AsyncConnection[tuple[object, ...]]]"

SERVICE: Final = "somagent.conversation.v1.ConversationService"
CONNECTIONS: Final = 8
TABLE: Final = (
    "create table if not exists floor_messages (id uuid primary key, session text not null,"
    " role text not null, content text not null, created timestamptz not null default now())"
)
INSERT: Final = (
    "insert into floor_messages (id, session, role, content) values"
    " (%s, %s, 'user', %s), (%s, %s, 'assistant', %s)"
)
INSTRUCTIONS: Final = (
    "You are a careful assistant. You answer in a few short sentences.\n"
    "When a question needs a calculation, you use the tool `arithmetic` and give its number."
)
TOOLS: Final = (
    {
        "type": "function",
        "function": {
            "name": "arithmetic",
            "description": "Computes an expression exactly.",
            "parameters": {
                "type": "object",
                "properties": {"expression": {"type": "string"}},
                "required": ["expression"],
            },
        },
    },
)
_HEADERS: Final = {"content-type": "application/json"}
_PREFIX: Final = len(b"data: ")
_DONE: Final = b"data: [DONE]"


class Function(TypedDict):
    """What a piece of a tool call adds to it."""

    name: NotRequired[str]
    arguments: NotRequired[str]


class CallPart(TypedDict):
    """A piece of the one tool call."""

    function: Function


class Delta(TypedDict):
    """What one event adds to an answer."""

    content: NotRequired[str | None]
    tool_calls: NotRequired[list[CallPart]]


@final
class Floor:
    """Answers ProcessMessage and nothing else."""

    def __init__(self, url: str, session: ClientSession, connections: Connections) -> None:
        self._url = url
        self._session = session
        self._connections = connections

    async def process(
        self, request: pb.ProcessMessageRequest, call: Call
    ) -> AsyncGenerator[pb.ProcessMessageResponse]:
        """One turn."""
        del call
        messages: list[object] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": request.text},
        ]
        function = {"name": "", "arguments": ""}
        async for deltas in self._ask(messages):
            for delta in deltas:
                for piece in delta.get("tool_calls") or ():
                    function["name"] += piece["function"].get("name", "")
                    function["arguments"] += piece["function"].get("arguments", "")
        called = [{"id": "call_1", "type": "function", "function": function}]
        left, _, right = orjson.loads(function["arguments"])["expression"].partition(" * ")
        product = str(Decimal(left) * Decimal(right))
        messages.append({"role": "assistant", "content": "", "tool_calls": called})
        messages.append({"role": "tool", "tool_call_id": "call_1", "content": product})
        said: list[str] = []
        async for deltas in self._ask(messages):
            if text := "".join([delta.get("content") or "" for delta in deltas]):
                said.append(text)
                yield pb.ProcessMessageResponse(event=pb.TurnEvent(text=pb.TextDelta(delta=text)))
        await self._commit(request, "".join(said))

    async def _ask(self, messages: list[object]) -> AsyncGenerator[list[Delta]]:
        """Call the model; what each read of the socket brings."""
        body = orjson.dumps(
            {
                "model": "bench",
                "messages": messages,
                "tools": TOOLS,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )
        async with self._session.post(self._url, data=body, headers=_HEADERS) as response:
            left = b""
            async for block in response.content.iter_any():
                *events, left = (left + block).split(b"\n\n")
                yield [
                    choices[0]["delta"]
                    for event in events
                    if event != _DONE and (choices := orjson.loads(event[_PREFIX:])["choices"])
                ]

    async def _commit(self, request: pb.ProcessMessageRequest, answer: str) -> None:
        session = request.session
        connection = await self._connections.get()
        try:
            ids = uuid.uuid4(), uuid.uuid4()  # noqa: TID251 - the floor has no ports
            await connection.execute(
                INSERT, (ids[0], session, request.text, ids[1], session, answer)
            )
        finally:
            self._connections.put_nowait(connection)


async def serve(upstream: str, database: str) -> None:
    """Serve until standard input ends: whoever started us has gone."""
    connections: Connections = asyncio.Queue()
    for _ in range(CONNECTIONS):
        connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
        await connection.execute(TABLE)
        connections.put_nowait(connection)
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        floor = Floor(f"{upstream}/chat/completions", session, connections)
        method = grpc.unary_stream_rpc_method_handler(
            floor.process,
            request_deserializer=pb.ProcessMessageRequest.FromString,
            response_serializer=pb.ProcessMessageResponse.SerializeToString,
        )
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"ProcessMessage": method}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)  # noqa: T201 - its one output
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await server.stop(None)
    while not connections.empty():
        await connections.get_nowait().close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream", help="the provider's address, with its version")
    parser.add_argument("database", help="where to keep the messages, in libpq's words")
    options = parser.parse_args()
    uvloop.run(serve(options.upstream, options.database))


if __name__ == "__main__":
    main()
