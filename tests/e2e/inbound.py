"""Messages of other systems for a staged server, over topics of this process."""

from asyncio import create_task
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import Message

from adapters.inmemory.messages import InMemoryTopics
from entrypoints.background import stopped
from entrypoints.consuming import consume_of
from entrypoints.grpc.admission import Admission
from entrypoints.servicers import admission_of
from somagent.conversation.v1 import conversation_pb2
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent.events.v1.events_pb2 import Envelope, MessageSent, ToolRequested
from somagent.operations.v1 import operations_pb2
from somagent.operations.v1.operations_pb2_grpc import OperationsServiceStub
from somagent.tools.v1 import tools_pb2
from tests.e2e.stage import Metadata, Stage, fresh_id
from tests.system.service import until

INBOUND: Final = "conversation.inbound"
TOOLS: Final = "tool.requests"
MOST_BYTES: Final = 1_048_576


def enveloped(payload: Message, kind: str, version: int = 1) -> bytes:
    envelope = Envelope(id=fresh_id(), type=kind, version=version)
    envelope.payload.Pack(payload)
    return envelope.SerializeToString()


def message_sent(session: str, text: str = "Hello", request_id: str = "") -> bytes:
    request = conversation_pb2.ProcessMessageRequest(
        session=session, text=text, request_id=request_id or fresh_id()
    )
    return enveloped(MessageSent(request=request), "message.sent")


def tool_requested(slug: str, arguments: str, tool: str = "arithmetic", asked: str = "") -> bytes:
    request = tools_pb2.ExecuteToolRequest(
        parent=f"tenants/{slug}", tool=tool, arguments=arguments, request_id=asked or fresh_id()
    )
    return enveloped(ToolRequested(request=request), "tool.requested")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """Topics, a server that reads them, and a tenant's key and session."""

    stage: Stage
    slug: str
    caller: Metadata
    capsule: str
    topics: InMemoryTopics = field(default_factory=InMemoryTopics)

    def put(
        self,
        value: bytes,
        *,
        key: str = "k",
        topic: str = INBOUND,
        shown: str = "",
        written_at: int = 0,
        damage: str = "",
    ) -> None:
        """A message with the tenant's key, or with what else is shown."""
        credential = shown or f"Bearer {self.caller.key}"
        headers = (("authorization", credential.encode()),)
        self.topics.put(topic, key.encode(), value, headers, written_at, damage=damage)

    @asynccontextmanager
    async def consuming(
        self, name: str = "", admission: Admission | None = None
    ) -> AsyncGenerator[None]:
        """A consumer until the end of the block; it is cancelled then, as by a crash."""
        application = self.stage.process.application
        source = self.topics.join((INBOUND, TOOLS), name)
        shared = admission or admission_of(self.stage.settings.server, application)
        consume = consume_of(application, shared, source)
        task = create_task(consume())
        try:
            yield
        finally:
            await stopped(task)
            self.topics.leave(source)

    async def until_done(self, count: int) -> None:
        """Wait until so many messages, or more, are committed."""

        async def done() -> bool:
            return sum(self.topics.committed.values()) >= count

        await until(done)

    async def session(self, **fields: object) -> str:
        stub = ConversationServiceStub(self.stage.channel)
        opened = await stub.CreateSession(
            conversation_pb2.CreateSessionRequest(
                parent=f"tenants/{self.slug}",
                session=conversation_pb2.Session(capsule=self.capsule, **fields),  # type: ignore[arg-type]  # of the message's own fields
                request_id=fresh_id(),
            ),
            metadata=self.caller.pairs,
        )
        return opened.session.name

    async def turns(self, session: str) -> Sequence[conversation_pb2.Turn]:
        """The session's turns, the first one first."""
        stub = ConversationServiceStub(self.stage.channel)
        request = conversation_pb2.ListTurnsRequest(parent=session)
        answer = await stub.ListTurns(request, metadata=self.caller.pairs)
        return list(reversed(answer.turns))

    async def until_answered(self, session: str, answer: str) -> None:
        """Wait until the session's last turn has this answer."""

        async def answered() -> bool:
            return (await self.turns(session))[-1].answer == answer

        await until(answered)

    async def letters(
        self, slug: str = "", caller: Metadata | None = None
    ) -> Sequence[operations_pb2.DeadLetter]:
        request = operations_pb2.ListDeadLettersRequest(
            parent=f"tenants/{slug or self.slug}", page_size=1000
        )
        stub = OperationsServiceStub(self.stage.channel)
        answer = await stub.ListDeadLetters(request, metadata=(caller or self.caller).pairs)
        return answer.dead_letters
