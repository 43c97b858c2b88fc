"""A turn as a client follows it: over broken connections, from server to server."""

from collections.abc import AsyncGenerator, AsyncIterable, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, final

import grpc

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent_client.calls import Calls
from somagent_client.errors import (
    BrokenContractError,
    Refusal,
    TurnCancelledError,
    TurnFailedError,
    TurnPausedError,
    refused,
    refusing,
)
from somagent_client.event import Answer, Event
from somagent_client.servers import Attempts

if TYPE_CHECKING:  # generic in its stubs alone
    from grpc.aio import UnaryStreamCall

    Stream = (
        UnaryStreamCall[pb.ProcessMessageRequest, pb.ProcessMessageResponse]
        | UnaryStreamCall[pb.WatchTurnRequest, pb.WatchTurnResponse]
    )

ENDED_EARLY: Final = Refusal(
    code=grpc.StatusCode.UNAVAILABLE, message="the stream ended without its last event"
)
STILL_PAUSED: Final = Refusal(
    code=grpc.StatusCode.DEADLINE_EXCEEDED, message="nobody has decided: the turn is still paused"
)

SECOND_READER: Final = "a turn has one reader at a time: use watch() for another"

_ENDED: Final = (pb.TURN_STATE_COMPLETED, pb.TURN_STATE_FAILED, pb.TURN_STATE_CANCELLED)
_TELLING: Final = ("text", "tool_call", "tool_result")


@final
class Turn(AsyncIterable[Event]):
    """Iterate it for its events, await it for its answer; one reader at a time.

    Each event is given once, in order. When a connection or a server is lost, the next server is
    asked for what follows; what cannot be followed any more was told as void by an event
    `restarted`. The iteration ends after `completed`, `failed`, `cancelled`, or `paused`; one that
    was left goes on where it was. A client that goes away does not stop the turn: `cancel` does.
    """

    def __init__(
        self,
        calls: Calls,
        seconds: float,
        *,
        message: pb.ProcessMessageRequest | None = None,
        name: str = "",
        after_sequence: int = 0,
    ) -> None:
        self.name = name
        """The turn's name; empty until it was accepted."""
        self.sequence = after_sequence
        """The number of the last event that was given."""
        self.last: Event | None = None
        """The last event that was given."""
        self.resumes = 0
        """How often a broken stream was taken up again."""
        self._calls = calls
        self._seconds = seconds
        self._message = message
        self._kept: list[Event] = []
        self._reader: AsyncGenerator[Event] | None = None

    @property
    def text(self) -> str:
        """The answer as far as it was shown and is not void; whole only with `completed`."""
        texts: list[str] = []
        for event in self._kept:
            if event.kind == "tool_result":
                texts.clear()
            texts.append(event.text)
        return "".join(texts)

    @property
    def paused(self) -> tuple[str, ...]:
        """The invocations that wait for a person's decision; empty while none does."""
        if self.last is None or self.last.kind != "paused":
            return ()
        return tuple(self.last.message.paused.invocations)

    def watch(self) -> "Turn":
        """The same turn from here on: of a paused one, what follows the decisions.

        Iterated or awaited it waits for them, within the time that the turn was given, anew.
        """
        following = Turn(self._calls, self._seconds, name=self.name, after_sequence=self.sequence)
        following.last = self.last
        following._kept = list(self._kept)
        return following

    async def cancel(self) -> None:
        """Cancel the turn; its last event is `cancelled`.

        Raises:
            RefusedError: It has ended, or the caller may not.
            BrokenContractError: It is not known to be accepted yet.
        """
        if not self.name:
            raise BrokenContractError("a turn has no name before its first event")
        request = pb.CancelTurnRequest(name=self.name, request_id=self._calls.request_id())
        await self._calls.ask(lambda on: ConversationServiceStub(on).CancelTurn, request)

    def __await__(self) -> Generator[None, None, Answer]:
        return self._answer().__await__()

    def __aiter__(self) -> AsyncGenerator[Event]:
        return self._events()

    async def _answer(self) -> Answer:
        """The answer, once it is complete.

        Raises:
            TurnFailedError, TurnCancelledError, TurnPausedError: There is none, or not yet.
            RefusedError: A server refused; UNAVAILABLE and DEADLINE_EXCEEDED when time is over.
        """
        async with aclosing(self._events()) as events:
            async for _ in events:
                """Each is kept."""
        event = self.last
        if event is None or not event.closes:
            raise BrokenContractError(f"{self.name} has ended, and its end was asked for before")
        match event.kind:
            case "completed":
                return self._answered(event.message.completed)
            case "failed":
                raise TurnFailedError(self.name, event.message.failed)
            case "cancelled":
                raise TurnCancelledError(self.name, event.message.cancelled.subject)
            case _:
                raise TurnPausedError(self.name, self.paused)

    def _answered(self, completed: pb.TurnCompleted) -> Answer:
        return Answer(
            text=completed.text,
            turn=self.name,
            record=completed.record,
            finish_reason=completed.finish_reason,
            usage=completed.usage,
            tool_calls=tuple(call for event in self._kept if (call := event.tool_call)),
        )

    async def _events(self) -> AsyncGenerator[Event]:
        """What a new reader gets. One who left in the middle is not waited for."""
        if self._reader is not None:
            try:
                await self._reader.aclose()
            except RuntimeError as reading:
                raise RuntimeError(SECOND_READER) from reading
        self._reader = reader = self._follow()
        async with aclosing(reader):
            async for event in reader:
                yield event
        if self._reader is not reader:
            raise RuntimeError(SECOND_READER)

    async def _follow(self) -> AsyncGenerator[Event]:
        attempts = self._calls.attempts(self._seconds)
        following = self.last is None or not self.last.final
        while following:
            try:
                async with aclosing(self._stream(attempts)) as messages:
                    async for message in messages:
                        if (event := self._taken(message)) is not None:
                            attempts.got_on()
                            yield event
                            if event.closes:
                                return
                following = await self._goes_on(attempts)
            except grpc.aio.AioRpcError as broken:
                if self.paused and broken.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise refusing(STILL_PAUSED) from broken
                await attempts.again(refused(broken))
                self.resumes += 1

    async def _stream(self, attempts: Attempts) -> AsyncGenerator[pb.TurnEvent]:
        """What one server shows: of the message until its turn is known, then of the turn."""
        stub = ConversationServiceStub(attempts.server().channel)
        seconds, metadata = attempts.seconds_left, self._calls.metadata
        call: Stream
        if self._message is not None and not self.name:
            call = stub.ProcessMessage(self._message, timeout=seconds, metadata=metadata)
        else:
            request = pb.WatchTurnRequest(name=self.name, after_sequence=self.sequence)
            call = stub.WatchTurn(request, timeout=seconds, metadata=metadata)
        try:
            async for response in call:
                yield response.event
        finally:
            call.cancel()

    def _taken(self, message: pb.TurnEvent) -> Event | None:
        """The event, unless it was given before.

        Raises:
            BrokenContractError: Numbers are missing before it.
        """
        event = Event(message)
        if event.sequence <= self.sequence:
            return None
        voids = event.voids
        if (voids.start if voids else event.sequence) > self.sequence + 1:
            raise BrokenContractError(
                f"{self.name}: after event {self.sequence} came event {event.sequence}"
            )
        self.sequence, self.last = event.sequence, event
        self.name = self.name or message.accepted.turn
        self._keep(event)
        return event

    def _keep(self, event: Event) -> None:
        if voids := event.voids:
            self._kept = [one for one in self._kept if one.sequence not in voids]
        elif event.kind in _TELLING:
            self._kept.append(event)

    async def _goes_on(self, attempts: Attempts) -> bool:
        """Whether there is more to come after a stream that ended well and showed no end.

        It returns when it is time to ask again.

        Raises:
            RefusedError: There was no time left for that.
        """
        state = pb.TURN_STATE_UNSPECIFIED
        if self.last is None and self.sequence:
            request = pb.GetTurnRequest(name=self.name)
            found = await self._calls.ask(lambda on: ConversationServiceStub(on).GetTurn, request)
            state = found.turn.state
        if state in _ENDED:
            return False
        if self.paused or state == pb.TURN_STATE_PAUSED:
            await attempts.later(refusing(STILL_PAUSED))
        else:
            await attempts.again(refusing(ENDED_EARLY))
            self.resumes += 1
        return True
