"""A turn whose server was lost once, and a service that shows it through streams that break."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import grpc

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.unit.entrypoints.cli.service import RECORD, TURN, Call

CEILING: Final = 1000
CONVERSATION: Final = pb.DESCRIPTOR.services_by_name["ConversationService"].full_name


@dataclass(frozen=True, slots=True)
class History:
    """What the first server showed, how much of it was written, and what the next one showed."""

    shown: Sequence[str]
    written: int
    after: Sequence[str]

    @property
    def text(self) -> str:
        return "".join([*self.shown[: max(0, self.written - 1)], *self.after])

    def before_the_loss(self) -> list[pb.TurnEvent]:
        events = [pb.TurnEvent(accepted=pb.TurnAccepted(turn=TURN))]
        events += [pb.TurnEvent(text=pb.TextDelta(delta=one)) for one in self.shown]
        return numbered(events, 1)

    def after_the_loss(self) -> list[pb.TurnEvent]:
        first = self.written + 1
        covered = pb.TurnRestarted(first_sequence=first, last_sequence=CEILING)
        rest = [pb.TurnEvent(restarted=covered)]
        rest += [pb.TurnEvent(text=pb.TextDelta(delta=one)) for one in self.after]
        completed = pb.TurnCompleted(text=self.text, record=RECORD)
        rest.append(pb.TurnEvent(completed=completed))
        return [*self.before_the_loss()[: self.written], *numbered(rest, CEILING)]


def numbered(events: Iterable[pb.TurnEvent], first: int) -> list[pb.TurnEvent]:
    found = list(events)
    for number, event in enumerate(found, first):
        event.sequence = number
    return found


@dataclass(slots=True)
class Breaking:
    """Every stream breaks after as many events as the next cut says, or ends without its end.

    The first server is lost after `lost_after` streams. No cuts left, nothing breaks.
    """

    history: History
    cuts: list[tuple[int, bool]]
    lost_after: int
    address: str = ""
    streams: int = 0
    request_ids: set[str] = field(default_factory=set[str])

    async def process_message(
        self, request: pb.ProcessMessageRequest, context: Call
    ) -> AsyncGenerator[pb.ProcessMessageResponse]:
        self.request_ids.add(request.request_id)
        async for event in self._shown(0, context):
            yield pb.ProcessMessageResponse(event=event)

    async def watch_turn(
        self, request: pb.WatchTurnRequest, context: Call
    ) -> AsyncGenerator[pb.WatchTurnResponse]:
        async for event in self._shown(request.after_sequence, context):
            yield pb.WatchTurnResponse(event=event)

    async def _shown(self, after: int, context: Call) -> AsyncGenerator[pb.TurnEvent]:
        self.streams += 1
        lost = self.streams > self.lost_after
        known = self.history.after_the_loss() if lost else self.history.before_the_loss()
        most, well = self.cuts.pop(0) if self.cuts else (len(known) if lost else 0, not lost)
        for event in [one for one in known if one.sequence > after][:most]:
            yield event
        if not well:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "cut off")


@asynccontextmanager
async def breaking(service: Breaking) -> AsyncGenerator[Breaking]:
    server = grpc.aio.server()
    process = grpc.unary_stream_rpc_method_handler(
        service.process_message,
        pb.ProcessMessageRequest.FromString,
        pb.ProcessMessageResponse.SerializeToString,
    )
    watch = grpc.unary_stream_rpc_method_handler(
        service.watch_turn, pb.WatchTurnRequest.FromString, pb.WatchTurnResponse.SerializeToString
    )
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(CONVERSATION, {"ProcessMessage": process}),
            grpc.method_handlers_generic_handler(CONVERSATION, {"WatchTurn": watch}),
        ]
    )
    service.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield service
    finally:
        await server.stop(None)
