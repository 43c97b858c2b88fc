"""Follows a turn to its end, also over a connection that breaks."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import grpc

from entrypoints.cli.client import Client
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.refusals import refusal_in
from somagent.conversation.v1.conversation_pb2 import (
    ProcessMessageRequest,
    TurnEvent,
    WatchTurnRequest,
)

Pause: TypeAlias = Callable[[float], Awaitable[None]]

ENDS: Final = frozenset({"completed", "failed", "cancelled"})
CLOSES: Final = ENDS | {"paused"}
"""The events after which a stream ends."""

_MOST_ATTEMPTS: Final = 10
_LONGEST_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The stream broke; it is taken up again after this sequence."""

    after_sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Broken:
    """Why a stream broke, and how the command ends if that goes on."""

    reason: str
    failure: CommandFailedError
    retry_after_seconds: float | None = None


@dataclass(slots=True)
class Follower:
    """What was seen of one turn: its name, empty until it was accepted, and the last sequence."""

    client: Client
    pause: Pause
    turn: str = ""
    sequence: int = 0

    async def send(
        self, message: ProcessMessageRequest
    ) -> AsyncGenerator[TurnEvent | ConnectionLost]:
        """Send a message and give the turn's events, each once.

        Until the turn is accepted a broken call is repeated under its request id, which gives the
        same turn; from then on the turn is watched.

        Raises:
            CommandFailedError: The server refused, or cannot be reached for long.
        """
        async for event in self._follow(message):
            yield event

    async def watch(
        self, turn: str, after_sequence: int = 0
    ) -> AsyncGenerator[TurnEvent | ConnectionLost]:
        """Give the turn's events above the sequence.

        Raises:
            CommandFailedError: The server refused, or cannot be reached for long.
        """
        self.turn, self.sequence = turn, after_sequence
        async for event in self._follow(None):
            yield event

    async def _follow(
        self, message: ProcessMessageRequest | None
    ) -> AsyncGenerator[TurnEvent | ConnectionLost]:
        attempts = 0
        while True:
            before = self.sequence
            try:
                async for event in self._new_events(message):
                    yield event
                    if event.WhichOneof("event") in CLOSES:
                        return
                broken = self._ended_early()
            except grpc.aio.AioRpcError as error:
                broken = self._broken(error)
            attempts = 1 if self.sequence > before else attempts + 1
            if attempts > _MOST_ATTEMPTS:
                raise broken.failure
            yield ConnectionLost(self.sequence, broken.reason)
            longer = min(0.25 * 2 ** (attempts - 1), _LONGEST_PAUSE_SECONDS)
            await self.pause(broken.retry_after_seconds or longer)

    async def _new_events(self, message: ProcessMessageRequest | None) -> AsyncGenerator[TurnEvent]:
        async for event in self._events(message):
            if event.sequence > self.sequence:
                self.sequence = event.sequence
                self.turn = event.accepted.turn or self.turn
                yield event

    async def _events(self, message: ProcessMessageRequest | None) -> AsyncGenerator[TurnEvent]:
        conversation = self.client.conversation
        if message is not None and not self.turn:
            async for sent in self.client.stream(conversation.ProcessMessage, message):
                yield sent.event
            return
        request = WatchTurnRequest(name=self.turn, after_sequence=self.sequence)
        async for watched in self.client.stream(conversation.WatchTurn, request):
            yield watched.event

    def _broken(self, error: grpc.aio.AioRpcError) -> _Broken:
        failure = self.client.failure(error)
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise failure from error
        refusal = refusal_in(error)
        return _Broken(refusal.reason or "UNAVAILABLE", failure, refusal.retry_after_seconds)

    def _ended_early(self) -> _Broken:
        failure = CommandFailedError(
            f"the events of {self.turn or 'the turn'} break off again and again",
            "`somagent turn show` tells what became of it",
            code=ExitCode.UNREACHABLE,
        )
        return _Broken("the stream ended without its last event", failure)
