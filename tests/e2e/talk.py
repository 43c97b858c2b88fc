"""A conversation with a staged server, as its clients hold it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from somagent.budget.v1 import budget_pb2
from somagent.budget.v1.budget_pb2_grpc import BudgetServiceStub
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from tests.e2e.stage import Metadata, Stage, fresh_id
from tests.system.client import Client
from tests.system.conversing import cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A session of a new tenant, and who speaks in it."""

    stage: Stage
    tenant: str
    session: str
    caller: Metadata

    def message(self, text: str = "Hello", request_id: str = "") -> pb.ProcessMessageRequest:
        return pb.ProcessMessageRequest(
            session=self.session, text=text, request_id=request_id or fresh_id()
        )

    async def said(
        self, text: str = "Hello", request_id: str = "", channel: grpc.aio.Channel | None = None
    ) -> list[pb.TurnEvent]:
        """The events of a message, to the end of its stream."""
        stub = ConversationServiceStub(channel or self.stage.channel)
        request = self.message(text, request_id)
        stream = stub.ProcessMessage(request, metadata=self.caller.pairs)
        return [response.event async for response in stream]

    async def watched(
        self, turn: str, after: int = 0, channel: grpc.aio.Channel | None = None
    ) -> list[pb.TurnEvent]:
        stub = ConversationServiceStub(channel or self.stage.channel)
        request = pb.WatchTurnRequest(name=turn, after_sequence=after)
        stream = stub.WatchTurn(request, metadata=self.caller.pairs)
        return [response.event async for response in stream]

    async def turn(self, name: str) -> pb.Turn:
        stub = ConversationServiceStub(self.stage.channel)
        answer = await stub.GetTurn(pb.GetTurnRequest(name=name), metadata=self.caller.pairs)
        return answer.turn

    async def cancelled(
        self, request: pb.CancelTurnRequest, channel: grpc.aio.Channel | None = None
    ) -> pb.Turn:
        """The turn, once it has ended."""
        client = Client(channel or self.stage.channel, key=self.caller.key)
        return await cancelled(client, request)

    async def tokens(self) -> tuple[int, int]:
        """What the tenant has spent and holds of tokens."""
        stub = BudgetServiceStub(self.stage.channel)
        answer = await stub.GetUsage(
            budget_pb2.GetUsageRequest(parent=f"tenants/{self.tenant}"), metadata=self.caller.pairs
        )
        (one,) = [one for one in answer.usages if one.metric == budget_pb2.METRIC_TOKENS]
        return one.spent, one.held


async def talk_at(stage: Stage, *, autonomy: int = 7) -> Talk:
    tenant, caller = await stage.tenant()
    capsule = await stage.capsule(tenant, caller, autonomy=autonomy)
    answer = await ConversationServiceStub(stage.channel).CreateSession(
        pb.CreateSessionRequest(
            parent=f"tenants/{tenant}", session=pb.Session(capsule=capsule), request_id=fresh_id()
        ),
        metadata=caller.pairs,
    )
    return Talk(stage=stage, tenant=tenant, session=answer.session.name, caller=caller)


@asynccontextmanager
async def streaming(
    talk: Talk, request: pb.ProcessMessageRequest
) -> AsyncGenerator[AsyncGenerator[pb.TurnEvent]]:
    """A message's stream that a test reads step by step; leaving it cancels the call."""
    stub = ConversationServiceStub(talk.stage.channel)
    stream = stub.ProcessMessage(request, metadata=talk.caller.pairs)

    async def events() -> AsyncGenerator[pb.TurnEvent]:
        async for response in stream:
            yield response.event

    try:
        yield events()
    finally:
        stream.cancel()


def kinds(events: list[pb.TurnEvent]) -> list[str]:
    return [event.WhichOneof("event") or "" for event in events]


def text_of(events: list[pb.TurnEvent]) -> str:
    return "".join(event.text.delta for event in events)
