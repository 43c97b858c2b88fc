"""A session: the caller's exchange with one capsule, turn after turn."""

from dataclasses import dataclass
from typing import final

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent_client.calls import TURN_SECONDS, Calls
from somagent_client.event import Answer
from somagent_client.turn import Turn


@final
@dataclass(frozen=True, slots=True)
class Session:
    """One turn runs at a time; whether others wait or are refused is for the session to say."""

    name: str
    calls: Calls

    def send(
        self,
        text: str,
        *,
        tool_choice: pb.ToolChoice | None = None,
        max_tokens: int | None = None,
        request_id: str = "",
        seconds: float = TURN_SECONDS,
    ) -> Turn:
        """The turn that answers the text: iterate it for its events, await it for its answer.

        Nothing is sent before. `seconds` is the time for all of it, and the turn's deadline; a
        `request_id` (a UUID) that was given before gives the turn of that time.
        """
        message = pb.ProcessMessageRequest(
            session=self.name,
            text=text,
            request_id=request_id or self.calls.request_id(),
            tool_choice=tool_choice,
            max_tokens=max_tokens,
        )
        return Turn(self.calls, seconds, message=message)

    async def ask(self, text: str, *, seconds: float = TURN_SECONDS) -> Answer:
        """The whole answer to a text, and never a part of one.

        Raises:
            TurnFailedError: It failed; `partial_text` is what there was.
            TurnCancelledError: Somebody cancelled it.
            TurnPausedError: It waits for a person's decision.
            RefusedError: A server refused, or time is over.
        """
        return await self.send(text, seconds=seconds)

    async def delete(self) -> None:
        """Close the session for good; its turns can still be read.

        Raises:
            RefusedError: A turn is open, or the caller may not.
        """
        request = pb.DeleteSessionRequest(name=self.name, request_id=self.calls.request_id())
        await self.calls.ask(lambda on: ConversationServiceStub(on).DeleteSession, request)
