"""Messages of other systems, taken as the calls that they ask for."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, final

from google.protobuf.message import DecodeError

from application.conversation.process_message import ProcessMessage
from application.delivery.ports.taking import NotTaken
from application.identity.authenticate import AuthenticateQuery
from application.kernel.ports import DurableClock
from application.tools.execute_tool import ExecuteTool
from domain.authorization.rule import PLATFORM
from domain.delivery.errors import MessageTypeUnknownError, MessageUnreadableError
from domain.delivery.incoming_message import IncomingMessage
from domain.delivery.topic import Topic
from domain.kernel.errors import RequestExpiredError
from domain.kernel.principal import Principal
from domain.tenancy.tenant import PLATFORM_TENANT_ID
from entrypoints.grpc.admission import Admission
from entrypoints.grpc.arriving import Came
from entrypoints.grpc.message_command import message_command
from entrypoints.grpc.refusals import MessageTooLargeError
from entrypoints.grpc.tool_commands import ToolCommands
from entrypoints.trace_context import TRACEPARENT
from somagent.conversation.v1.conversation_pb2 import ProcessMessageRequest
from somagent.events.v1.events_pb2 import Envelope, MessageSent, ToolRequested
from somagent.tools.v1.tools_pb2 import ExecuteToolRequest

Request: TypeAlias = ProcessMessageRequest | ExecuteToolRequest

CLOCKS_APART: Final = timedelta(hours=1)
"""How far the clocks of brokers, servers and the database may be from each other."""

VERSION: Final = 1
"""The version of every type that is taken."""

TAKEN: Final[Mapping[str, tuple[str, type[MessageSent] | type[ToolRequested]]]] = {
    Topic.CONVERSATION_INBOUND.value: ("message.sent", MessageSent),
    Topic.TOOL_REQUESTS.value: ("tool.requested", ToolRequested),
}
"""The type of message that each topic may hold, and what its payload is."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TakeInbound:
    """Authenticates, permits and checks as the RPC does, and then does what the RPC does.

    The credential stands in the message's header. A request id makes a message that comes again
    the same turn, or the same call of a tool. The ids of calls are kept for `requests_kept`: a call
    that was asked for earlier is refused, for it may have been made.
    """

    admission: Admission
    process_message: ProcessMessage
    execute_tool: ExecuteTool
    tool_commands: ToolCommands
    times: DurableClock
    most_bytes: int
    requests_kept: timedelta

    async def __call__(self, message: IncomingMessage) -> NotTaken | None:
        """Take a message: a turn was accepted, or a call has ended or waits for a person."""
        came_at = self.admission.clock.monotonic()
        principal: Principal | None = None
        kind = message.header("type")
        try:
            envelope = self._envelope(message)
            kind = envelope.type
            request = _request_in(message.partition.topic, envelope)
            parent = message.header("traceparent") or envelope.traceparent
            came = Came(
                method=self.admission.requests.method_of(request),
                received_at=came_at,
                traceparent=self.admission.observer.began(parent),
            )
            TRACEPARENT.set(came.traceparent)
            principal = await self.admission.authenticate(
                AuthenticateQuery(
                    authorization=message.header("authorization"),
                    api_key=message.header("x-api-key"),
                )
            )
            await self._do(message, request, principal, came)
        except Exception as error:  # noqa: BLE001 - one message's defect must not stop the others
            return NotTaken(
                error=error,
                tenant_id=PLATFORM_TENANT_ID if principal is None else principal.tenant_id,
                tenant=PLATFORM if principal is None else principal.tenant,
                type=kind,
            )
        return None

    async def _do(
        self, message: IncomingMessage, request: Request, principal: Principal, came: Came
    ) -> None:
        caller = await self.admission.admit_message(request, principal, came)
        if isinstance(request, ProcessMessageRequest):
            await self.process_message(message_command(caller, request))
            return
        await self._check_age(message, request)
        command = await self.tool_commands(caller, request)
        async with aclosing(self.execute_tool(command)) as events:
            async for _ in events:
                pass

    async def _check_age(self, message: IncomingMessage, request: ExecuteToolRequest) -> None:
        """Refuse what may have been done. A message without a time is a letter that is replayed.

        Raises:
            RequestExpiredError: It was written before any request id that is still known.
        """
        if not message.written_at:
            return
        written = datetime.fromtimestamp(message.written_at / 1000, UTC)
        if await self.times.now() - written > self.requests_kept - CLOCKS_APART:
            raise RequestExpiredError(request.request_id)

    def _envelope(self, message: IncomingMessage) -> Envelope:
        """Raises: MessageTooLargeError, MessageUnreadableError: As they say."""
        if len(message.value) > self.most_bytes:
            raise MessageTooLargeError
        if message.damage:
            raise MessageUnreadableError(message.damage)
        if not message.value:
            raise MessageUnreadableError("it is empty")
        try:
            return Envelope.FromString(message.value)
        except DecodeError as error:
            raise MessageUnreadableError("it is no envelope") from error


def _request_in(topic: str, envelope: Envelope) -> Request:
    """The request that a message carries.

    Raises:
        MessageTypeUnknownError: The topic holds no such messages.
        MessageUnreadableError: The payload is another message than the type says.
    """
    kind, holds = TAKEN[topic]
    if (envelope.type, envelope.version) != (kind, VERSION):
        raise MessageTypeUnknownError(envelope.type, envelope.version)
    held = holds()
    try:
        unpacked = envelope.payload.Unpack(held)
    except DecodeError as error:
        raise MessageUnreadableError("its payload cannot be read") from error
    if not unpacked:
        raise MessageUnreadableError(f"its payload is no {holds.DESCRIPTOR.name}")
    return held.request
