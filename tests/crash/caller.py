"""A client that does not give up: it repeats by request id, and resumes, on whichever server."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from random import Random
from time import monotonic
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.crash.evidence import FINAL, Asked, Evidence, Witness, kind_of
from tests.crash.script import message_of
from tests.system.client import Client, RefusedError

M = TypeVar("M", bound=Message)

TRANSPORT: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
"""How gRPC itself says that the other side is gone; it gives no reason then."""

OUT_OF_ORDER: Final = "TOOL_FAILED"
"""A tool whose breaker is open: ours lose so many answers that it may stay so for long."""

PATIENCE_SECONDS: Final = 60.0
"""After so long without an answer a client says that it was not served."""

TURN_SECONDS: Final = 20.0
"""What a client gives a turn."""

ASK_SECONDS: Final = 8.0
"""What a client gives one try of a call that does not stream."""

AGAIN_SECONDS: Final = 0.05

Heard = Callable[[pb.TurnEvent], Awaitable[None]]


class NotServedError(Exception):
    """Nobody gave an answer in all the client's patience."""


@dataclass(slots=True)
class Caller:
    """One client of one tenant. What it is told goes into the evidence.

    `at` is the place that it asks, as long as somebody answers there: who is to die at a point
    must be the one that passes it.
    """

    witness: Witness
    evidence: Evidence
    chance: Random
    at: int | None = None

    @property
    def parent(self) -> str:
        return f"tenants/{self.witness.slug}"

    def anyone(self) -> Client:
        return self.of(self.witness.clients)

    def of(self, clients: Sequence[Client]) -> Client:
        """The one to ask, of a login's clients at every place."""
        return self.chance.choice(clients) if self.at is None else clients[self.at]

    def elsewhere(self) -> "Caller":
        """The same client, which asks at another place than this one."""
        if self.at is None:
            return self
        others = [at for at in range(len(self.witness.clients)) if at != self.at]
        return replace(self, at=self.chance.choice(others or [self.at]))

    async def reach(self, seconds: float) -> None:
        """Wait for a connection to the place that it asks.

        Raises:
            TimeoutError: There is none in so many seconds.
        """
        async with asyncio.timeout(seconds):
            await self.anyone().channel.channel_ready()

    def request_id(self) -> str:
        """A new one, from the run's seed."""
        bits = self.chance.getrandbits(122)
        low, high = bits & ((1 << 62) - 1), bits >> 62
        number = (high >> 12) << 80 | 4 << 76 | (high & 0xFFF) << 64 | 2 << 62 | low
        text = f"{number:032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    async def ask(self, request: Message, kind: type[M]) -> M:
        """The answer, from whichever server gives one.

        Raises:
            RefusedError: It was refused, with a reason.
            NotServedError: Nobody answered.
        """

        async def tried(client: Client) -> M:
            return await client.ask(request, kind, ASK_SECONDS)

        return await self._insist(tried, request.DESCRIPTOR.name)

    async def _insist(self, tried: Callable[[Client], Awaitable[M]], what: str) -> M:
        until, told = monotonic() + PATIENCE_SECONDS, ""
        while monotonic() < until:
            try:
                return await tried(self.anyone())
            except RefusedError as refused:
                self._judge(refused)
                told = str(refused)
            await asyncio.sleep(AGAIN_SECONDS)
        self.evidence.unanswered.append(f"{what} of {self.witness.slug}: {told}")
        raise NotServedError(told)

    def _judge(self, refused: RefusedError) -> None:
        """Leave a place where nobody answers.

        Raises:
            RefusedError: To try again would not help.
        """
        self.at = None
        if not refused.reason and refused.code in TRANSPORT:
            return
        self.evidence.refuse(refused)
        if refused.code is not grpc.StatusCode.UNAVAILABLE or refused.reason == OUT_OF_ORDER:
            raise refused

    async def say(self, asked: Asked, heard: Heard) -> None:
        """Send a message and follow its turn to its end, whatever happens to the servers."""
        self.evidence.asked.append(asked)
        until, told = monotonic() + PATIENCE_SECONDS, ""
        while monotonic() < until:
            try:
                await self._follow(asked, heard)
            except RefusedError as refused:
                told = str(refused)
                try:
                    self._judge(refused)
                except RefusedError:
                    asked.refused = refused.reason
                    return
            if asked.last in FINAL:
                return
            await asyncio.sleep(AGAIN_SECONDS)
        asked.gave_up = f"after {asked.last} at {asked.after}: {told}"

    async def _follow(self, asked: Asked, heard: Heard) -> None:
        async with aclosing(self._events(asked)) as events:
            async for event in events:
                asked.heard.append(event)
                if kind_of(event) == "accepted":
                    asked.turns.add(event.accepted.turn)
                await heard(event)

    async def _events(self, asked: Asked) -> AsyncGenerator[pb.TurnEvent]:
        client = self.anyone()
        if asked.turn:
            again = pb.WatchTurnRequest(name=asked.turn, after_sequence=asked.after)
            async with aclosing(client.stream(again, pb.WatchTurnResponse, TURN_SECONDS)) as events:
                async for one in events:
                    yield one.event
            return
        first = pb.ProcessMessageRequest(
            session=asked.session,
            text=message_of(asked.kind, asked.ident),
            request_id=asked.request_id,
        )
        async with aclosing(
            client.stream(first, pb.ProcessMessageResponse, TURN_SECONDS)
        ) as responses:
            # The message sent again is answered with its turn's stream from the start: what was
            # heard of it is dropped, as the client of the SDK does.
            async for response in responses:
                if response.event.sequence > asked.after:
                    yield response.event

    async def accepted(self, request: tools_pb2.ExecuteToolRequest) -> str:
        """Call a tool by itself that waits for a person; the name of the call.

        Raises:
            RefusedError: It was refused, with a reason.
            NotServedError: Nobody answered.
        """

        async def tried(client: Client) -> tools_pb2.ExecuteToolResponse:
            return await anext(client.stream(request, tools_pb2.ExecuteToolResponse, ASK_SECONDS))

        return (await self._insist(tried, "ExecuteTool")).event.accepted.invocation

    async def execute(self, request: tools_pb2.ExecuteToolRequest) -> tools_pb2.Invocation:
        """Call a tool by itself; how the call ended.

        Raises:
            RefusedError: It was refused, with a reason.
            NotServedError: Nobody answered.
        """

        async def tried(client: Client) -> tools_pb2.ExecuteToolResponse:
            ended: tools_pb2.ExecuteToolResponse | None = None
            async with aclosing(
                client.stream(request, tools_pb2.ExecuteToolResponse, ASK_SECONDS)
            ) as responses:
                async for response in responses:
                    ended = response
            if ended is None or not ended.event.HasField("ended"):
                raise RefusedError(grpc.StatusCode.UNAVAILABLE, "the stream ended early")
            return ended

        return (await self._insist(tried, "ExecuteTool")).event.ended.invocation
