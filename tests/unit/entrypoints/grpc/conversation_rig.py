"""The conversation service on a real port, over the application in process memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc

from adapters.inmemory.request_claims import InMemoryRequestClaims
from application.conversation.delete_session import DeleteSession
from application.conversation.name_capsule_version import NameCapsuleVersion
from application.conversation.open_session import OpenSession
from application.conversation.read_conversation import (
    ListSessions,
    ListTurns,
    ReadDecisionTrace,
    ReadSession,
    ReadTurn,
)
from application.conversation.submit_feedback import SubmitFeedback
from application.kernel.timed_cache import TimedCache
from domain.kernel.identifiers import SessionId, TurnId
from entrypoints.grpc.conversation import ConversationServicer
from entrypoints.grpc.paging import PageTokens
from entrypoints.grpc.request_ids import RequestIds
from entrypoints.grpc.server import api_server
from entrypoints.settings.serving import ServerSettings
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from tests.builders import OTHER_TENANT, SESSION, TENANT
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World
from tests.unit.entrypoints.grpc.rig import METHODS, Rig

if TYPE_CHECKING:
    from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceAsyncStub

SERVICE: Final = "somagent.conversation.v1.ConversationService"

Pairs = tuple[tuple[str, str | bytes], ...]


def session_name(session_id: SessionId = SESSION, tenant: str = "acme") -> str:
    return f"tenants/{tenant}/sessions/{session_id}"


def turn_name(turn_id: TurnId, session_id: SessionId = SESSION, tenant: str = "acme") -> str:
    return f"{session_name(session_id, tenant)}/turns/{turn_id}"


def message(text: str = "Hello", request_id: str = REQUEST) -> pb.ProcessMessageRequest:
    return pb.ProcessMessageRequest(session=session_name(), text=text, request_id=request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Somebody who calls the service, and what is behind it."""

    stub: "ConversationServiceAsyncStub"
    server: Server
    member: Pairs
    stranger: Pairs

    async def said(self, request: pb.ProcessMessageRequest) -> list[pb.TurnEvent]:
        """The events of a message's stream, to its end."""
        stream = self.stub.ProcessMessage(request, metadata=self.member)
        return [response.event async for response in stream]

    async def watched(self, name: str, after: int = 0) -> list[pb.TurnEvent]:
        request = pb.WatchTurnRequest(name=name, after_sequence=after)
        stream = self.stub.WatchTurn(request, metadata=self.member)
        return [response.event async for response in stream]


@asynccontextmanager
async def client_of(shared: World) -> AsyncGenerator[Client]:
    server = Server(world=shared)
    rig = Rig(clock=shared.clock)
    member = rig.ring.key(TENANT, "acme", "administrator")
    stranger = rig.ring.key(OTHER_TENANT, "other", "administrator")
    servicer = ConversationServicer(
        admission=rig.admission,
        request_ids=RequestIds(InMemoryRequestClaims()),
        pages=PageTokens(b"a key of pages"),
        open_session=OpenSession(
            load_capsule=server.load_capsule,
            sessions=shared.sessions,
            canonical=shared.canonical,
            clock=shared.clock,
            identifiers=shared.identifiers,
        ),
        read_session=ReadSession(sessions=shared.sessions),
        list_sessions=ListSessions(sessions=shared.sessions),
        delete_session=DeleteSession(sessions=shared.sessions, clock=shared.times),
        process_message=server.process,
        watch_turn=server.watch,
        read_turn=ReadTurn(reader=shared.reader),
        list_turns=ListTurns(sessions=shared.sessions, reader=shared.reader),
        cancel_turn=server.cancel_turn,
        submit_feedback=SubmitFeedback(
            reader=shared.reader,
            feedback=shared.feedback,
            canonical=shared.canonical,
            clock=shared.clock,
        ),
        read_decision_trace=ReadDecisionTrace(
            read_turn=ReadTurn(reader=shared.reader), reader=shared.reader, json=shared.canonical
        ),
        name_capsule_version=NameCapsuleVersion(
            capsules=shared.capsules, known=TimedCache(shared.clock, seconds=60.0, capacity=16)
        ),
    )
    settings = ServerSettings(address="127.0.0.1:0")
    async with api_server(settings, {SERVICE: servicer}, METHODS, None) as api:
        await api.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{api.port}") as channel:
            yield Client(
                stub=ConversationServiceStub(channel),
                server=server,
                member=(("authorization", f"Bearer {member}"),),
                stranger=(("authorization", f"Bearer {stranger}"),),
            )
