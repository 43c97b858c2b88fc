"""The client: so many turns with so many in flight, and what was seen of them."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final
from uuid import UUID

import grpc

from bench.processes import BenchFailedError
from bench.product import TENANT
from bench.script import message, stamped_at
from entrypoints.assembly.offline import identifiers
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub

if TYPE_CHECKING:  # generic in its stubs alone
    from grpc.aio import UnaryStreamMultiCallable

METHOD: Final = "/somagent.conversation.v1.ConversationService/ProcessMessage"
CHANNELS: Final = 4
TURN_SECONDS: Final = 120.0
_AT_ONCE: Final = 16
_IDENTIFIERS: Final = identifiers()


@dataclass(slots=True)
class Seen:
    """What the client saw of the turns of one run. Times are in milliseconds."""

    turns: int = 0
    seconds: float = 0.0
    messages: int = 0
    latencies: list[float] = field(default_factory=list[float])
    first_tokens: list[float] = field(default_factory=list[float])
    streams: list[list[bytes]] = field(default_factory=list[list[bytes]])


@final
class Client:
    """Several connections to one server; answers are taken as bytes, which costs least."""

    def __init__(self, channels: Sequence[grpc.aio.Channel], key: str) -> None:
        self._stubs = [ConversationServiceStub(channel) for channel in channels]
        self._methods: list[UnaryStreamMultiCallable[pb.ProcessMessageRequest, bytes]] = [
            channel.unary_stream(
                METHOD, request_serializer=pb.ProcessMessageRequest.SerializeToString
            )
            for channel in channels
        ]
        self._metadata = (("authorization", f"Bearer {key}"),)
        self.has_sessions = bool(key)

    async def sessions(self, number: int) -> list[str]:
        """New sessions, one for each turn: none has a history. The floor knows none."""
        if not self.has_sessions:
            return [f"tenants/{TENANT}/sessions/{UUID(int=one)}" for one in range(number)]
        left = list(range(number))
        made: list[str] = []

        async def make() -> None:
            while left:
                left.pop()
                made.append(await self.session())

        await asyncio.gather(*(make() for _ in range(_AT_ONCE)))
        return made

    async def session(self) -> str:
        """A new session of the product."""
        request = pb.CreateSessionRequest(
            parent=f"tenants/{TENANT}",
            session=pb.Session(capsule=f"tenants/{TENANT}/capsules/bench"),
            request_id=str(_IDENTIFIERS.next()),
        )
        created = await self._stubs[0].CreateSession(request, metadata=self._metadata)
        return created.session.name

    async def trace(self, turn: str) -> pb.DecisionTrace:
        """Why and how a turn went."""
        request = pb.GetDecisionTraceRequest(name=turn)
        return (
            await self._stubs[0].GetDecisionTrace(request, metadata=self._metadata)
        ).decision_trace

    async def run(
        self, sessions: Sequence[str], in_flight: int, pace_ms: float = 0, *, keep: bool = False
    ) -> Seen:
        """One turn in each session.

        Args:
            sessions: As many as turns are wanted.
            in_flight: Turns that run at the same time.
            pace_ms: What the upstream waits before each token.
            keep: Whether the streams are kept, for whoever reads more of them.

        Raises:
            BenchFailedError: A turn did not end as it should.
        """
        seen, left, said = Seen(), deque(sessions), message(pace_ms)

        async def drive(number: int) -> None:
            method = self._methods[number % len(self._methods)]
            while left:
                request = pb.ProcessMessageRequest(
                    session=left.popleft(), text=said, request_id=str(_IDENTIFIERS.next())
                )
                await self._turn(method, request, seen, keep=keep)

        began = time.monotonic()
        await asyncio.gather(*(drive(number) for number in range(in_flight)))
        seen.seconds = time.monotonic() - began
        return seen

    async def _turn(
        self,
        method: "UnaryStreamMultiCallable[pb.ProcessMessageRequest, bytes]",
        request: pb.ProcessMessageRequest,
        seen: Seen,
        *,
        keep: bool,
    ) -> None:
        began = time.monotonic_ns()
        stamp, first, stream = None, 0, list[bytes]()
        answers = method(request, metadata=self._metadata, timeout=TURN_SECONDS)
        async for answer in answers:
            stream.append(answer)
            if stamp is None and (stamp := stamped_at(answer)) is not None:
                first = time.monotonic_ns() - stamp
        ended = time.monotonic_ns()
        if stamp is None or (self.has_sessions and not _completed(stream[-1])):
            raise BenchFailedError(f"a turn was not answered: {_told(stream)}")
        seen.turns += 1
        seen.messages += len(stream)
        seen.latencies.append((ended - began) / 1e6)
        seen.first_tokens.append(first / 1e6)
        if keep:
            seen.streams.append(stream)


def text_of(stream: Sequence[bytes]) -> str:
    """What a stream's client has read as the answer."""
    events = (pb.ProcessMessageResponse.FromString(one).event for one in stream)
    return "".join(event.text.delta for event in events if event.HasField("text"))


def turn_of(stream: Sequence[bytes]) -> str:
    """The turn's name, which its first event says."""
    return pb.ProcessMessageResponse.FromString(stream[0]).event.accepted.turn


def _completed(answer: bytes) -> bool:
    return pb.ProcessMessageResponse.FromString(answer).event.HasField("completed")


def _told(stream: Sequence[bytes]) -> str:
    return " | ".join(str(pb.ProcessMessageResponse.FromString(one).event) for one in stream[-2:])


@asynccontextmanager
async def client(address: str, key: str = "", channels: int = CHANNELS) -> AsyncGenerator[Client]:
    """A client until the end of the block; without a key it is a client of the floor."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    opened = [grpc.aio.insecure_channel(address, options) for _ in range(channels)]
    try:
        yield Client(opened, key)
    finally:
        for channel in opened:
            await channel.close()
