"""A client that does not give up: it repeats by request id, and resumes, on whichever server."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from random import Random
from time import monotonic
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.crash.evidence import FINAL, Asked, Evidence, Refusal, Witness, kind_of
from tests.crash.script import message_of
from tests.system.client import Client, RefusedError

M = TypeVar("M", bound=Message)

GONE: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
"""How gRPC itself says that the other side is gone; it gives no reason then."""

BROKEN_OFF: Final = re.compile(r"RST_STREAM|GOAWAY|Stream removed|No status received")
"""What gRPC itself writes of a stream that broke off, under codes that defects have as well."""

OUT_OF_ORDER: Final = "TOOL_FAILED"
"""A tool whose breaker is open: ours lose so many answers that it may stay so for long."""

PATIENCE_SECONDS: Final = 240.0
"""After so long without an answer a client says that it was not served."""

REPEATS: Final = 0.15
"""How often a client sends a message again whose turn has ended."""

TURN_SECONDS: Final = 20.0
"""What a client gives a turn."""

ASK_SECONDS: Final = 8.0
"""What a client gives one try of a call that does not stream."""

AGAIN_SECONDS: Final = 0.05

Sending = pb.ProcessMessageRequest | pb.WatchTurnRequest

Heard = Callable[[pb.TurnEvent], Awaitable[None]]


class NotServedError(Exception):
    """Nobody gave an answer in all the client's patience."""


def is_lost(refused: RefusedError) -> bool:
    """Whether it was gRPC that ended the call, and no server."""
    broken_off = BROKEN_OFF.search(refused.message) is not None
    return not refused.reason and (refused.code in GONE or broken_off)


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

        return await self._insist(tried, request)

    async def _insist(self, tried: Callable[[Client], Awaitable[M]], request: Message) -> M:
        until, told = monotonic() + PATIENCE_SECONDS, ""
        while monotonic() < until:
            try:
                answer = await tried(self.anyone())
            except RefusedError as refused:
                self._judge(refused, request)
                told = str(refused)
            else:
                self.evidence.answered += 1
                return answer
            await asyncio.sleep(AGAIN_SECONDS)
        what = f"{request.DESCRIPTOR.name} of {self.witness.slug}: {told}"
        self.evidence.unanswered.append(what)
        raise NotServedError(told)

    def _judge(self, refused: RefusedError, request: Message) -> None:
        """Leave a place where nobody answers.

        Raises:
            RefusedError: To try again would not help.
        """
        self.at = None
        if is_lost(refused):
            return
        self.evidence.refusals.append(
            Refusal(request=request.DESCRIPTOR.name, error=refused, limited=self.witness.limited)
        )
        if refused.code is not grpc.StatusCode.UNAVAILABLE or refused.reason == OUT_OF_ORDER:
            raise refused

    async def say(self, asked: Asked, heard: Heard) -> None:
        """Send a message and follow its turn to its end, whatever happens to the servers.

        Now and then it is sent once more after that.
        """
        self.evidence.asked.append(asked)
        until, told = monotonic() + PATIENCE_SECONDS, ""
        while monotonic() < until:
            request = _request_of(asked)
            try:
                await self._follow(asked, request, heard)
            except RefusedError as refused:
                told = str(refused)
                try:
                    self._judge(refused, request)
                except RefusedError:
                    asked.refused = refused.reason or refused.code.name
                    return
            if asked.last in FINAL:
                if not asked.sent and self.chance.random() < REPEATS:
                    await self.repeat(asked)
                return
            await asyncio.sleep(AGAIN_SECONDS)
        asked.gave_up = f"after {asked.last} at {asked.after}: {told}"

    async def repeat(self, asked: Asked) -> None:
        """Send a message again whose turn has ended, and keep what it is answered with.

        Raises:
            RefusedError: It was refused, with a reason.
            NotServedError: Nobody answered.
        """
        request = _message_of(asked)

        async def tried(client: Client) -> pb.ProcessMessageResponse:
            stream = client.stream(request, pb.ProcessMessageResponse, ASK_SECONDS)
            async with aclosing(stream) as responses:
                events = [response.event async for response in responses]
            if not events or kind_of(events[-1]) not in FINAL:
                raise RefusedError(grpc.StatusCode.UNAVAILABLE, "the stream ended early")
            asked.again = events
            return pb.ProcessMessageResponse(event=events[-1])

        await self._insist(tried, request)

    async def _follow(self, asked: Asked, request: Sending, heard: Heard) -> None:
        async with aclosing(self._events(asked, request)) as events:
            async for event in events:
                asked.heard.append(event)
                if kind_of(event) == "accepted":
                    asked.turns.add(event.accepted.turn)
                # What is refused there is in the evidence as that; the turn goes on.
                with suppress(RefusedError, NotServedError):
                    await heard(event)

    async def _events(self, asked: Asked, request: Sending) -> AsyncGenerator[pb.TurnEvent]:
        client = self.anyone()
        if isinstance(request, pb.WatchTurnRequest):
            stream = client.stream(request, pb.WatchTurnResponse, TURN_SECONDS)
            async with aclosing(stream) as events:
                async for one in events:
                    yield one.event
            return
        async with aclosing(
            client.stream(request, pb.ProcessMessageResponse, TURN_SECONDS)
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

        return (await self._insist(tried, request)).event.accepted.invocation

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

        return (await self._insist(tried, request)).event.ended.invocation


def _request_of(asked: Asked) -> Sending:
    """What a client asks for now: its message's turn, and once it knows that, the rest of it."""
    if asked.turn:
        return pb.WatchTurnRequest(name=asked.turn, after_sequence=asked.after)
    return _message_of(asked)


def _message_of(asked: Asked) -> pb.ProcessMessageRequest:
    return pb.ProcessMessageRequest(
        session=asked.session,
        text=message_of(asked.kind, asked.ident),
        request_id=asked.request_id,
    )
