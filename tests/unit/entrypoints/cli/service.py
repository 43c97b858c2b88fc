"""A service on a real port that answers as it is told to: what the command line meets in tests."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc.aio import ServicerContext

from somagent.budget.v1 import budget_pb2
from somagent.capsule.v1 import capsule_pb2
from somagent.conversation.v1 import conversation_pb2
from somagent.operations.v1 import operations_pb2
from somagent.provenance.v1 import provenance_pb2
from somagent.tenancy.v1 import tenancy_pb2
from somagent.tools.v1 import tools_pb2

TENANT: Final = "tenants/demo"
SESSION: Final = f"{TENANT}/sessions/0198f2a0-0000-7000-8000-00000000000a"
TURN: Final = f"{SESSION}/turns/0198f2a0-0000-7000-8000-00000000000b"
RECORD: Final = f"{TENANT}/records/0198f2a0-0000-7000-8000-00000000000c"
INVOCATION: Final = f"{TENANT}/invocations/0198f2a0-0000-7000-8000-00000000000d"

Event: TypeAlias = conversation_pb2.TurnEvent
M = TypeVar("M", bound=Message)

FILES: Final[Sequence[FileDescriptor]] = (
    budget_pb2.DESCRIPTOR,
    capsule_pb2.DESCRIPTOR,
    conversation_pb2.DESCRIPTOR,
    operations_pb2.DESCRIPTOR,
    provenance_pb2.DESCRIPTOR,
    tenancy_pb2.DESCRIPTOR,
    tools_pb2.DESCRIPTOR,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call is refused, details included; without a reason, as a dying connection is."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = ""
    retry_after_seconds: float | None = None
    violations: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """The stream goes on when this has happened."""

    happened: asyncio.Event


LOST: Final = Refusal(grpc.StatusCode.UNAVAILABLE)
END: Final = None
"""The stream ends here with OK, whatever its last event was."""

Step: TypeAlias = "Event | Refusal | Wait | None"


Answer: TypeAlias = Callable[[Message], Message]
Call: TypeAlias = "ServicerContext[Message, Message]"


@dataclass(slots=True)
class Service:
    """What the service answers, and what was asked of it.

    `streams` holds what the next streams give, one a call; `answers` and `refusals` are by the name
    of the request's type. What is in neither is answered with an empty message. `seconds` are what
    the callers gave to their calls; None where they set no deadline.
    """

    address: str = ""
    streams: list[Sequence[Step]] = field(default_factory=list[Sequence[Step]])
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    refusals: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    asked: list[Message] = field(default_factory=list[Message])
    credentials: list[str] = field(default_factory=list[str])
    seconds: list[float | None] = field(default_factory=list[float | None])

    def of(self, kind: type[M]) -> list[M]:
        """The requests of one kind, in order."""
        return [one for one in self.asked if isinstance(one, kind)]

    async def hear(self, request: Message, context: Call) -> None:
        self.asked.append(request)
        self.seconds.append(context.time_remaining())
        for name, value in context.invocation_metadata() or ():
            if name == "authorization":
                self.credentials.append(str(value))
        if refusal := self.refusals.get(type(request).__name__):
            await refuse(context, refusal)


def completed_turn(text: str = "52.5", first: int = 1) -> list[Event]:
    """The events of a turn with one tool call, numbered from `first`."""
    events = [
        Event(accepted=conversation_pb2.TurnAccepted(turn=TURN)),
        Event(started=conversation_pb2.TurnStarted(model="small", round=0, attempt=1)),
        Event(
            tool_call=conversation_pb2.ToolCall(
                invocation=INVOCATION, tool="arithmetic", arguments='{"expression":"17.5 * 3"}'
            )
        ),
        Event(
            tool_result=conversation_pb2.ToolResult(
                invocation=INVOCATION, state=tools_pb2.INVOCATION_STATE_SUCCEEDED, content='"52.5"'
            )
        ),
        Event(text=conversation_pb2.TextDelta(delta=text[:2])),
        Event(text=conversation_pb2.TextDelta(delta=text[2:])),
        Event(
            completed=conversation_pb2.TurnCompleted(
                text=text,
                finish_reason=conversation_pb2.FINISH_REASON_STOP,
                usage=conversation_pb2.Usage(
                    prompt_tokens=100,
                    completion_tokens=20,
                    tool_calls=1,
                    api_calls=2,
                    cost_micro_usd=22_000,
                ),
                record=RECORD,
            )
        ),
    ]
    for number, event in enumerate(events, first):
        event.sequence = number
    return events


async def refuse(context: Call, refusal: Refusal) -> None:
    code: int = refusal.code.value[0]
    status = Status(code=code, message=refusal.message)
    details: list[Message] = []
    if refusal.reason:
        details.append(ErrorInfo(reason=refusal.reason, domain="somagent.dev"))
    if refusal.retry_after_seconds is not None:
        delay = Duration()
        delay.FromNanoseconds(round(refusal.retry_after_seconds * 1e9))
        details.append(RetryInfo(retry_delay=delay))
    if refusal.violations:
        details.append(
            BadRequest(
                field_violations=[
                    BadRequest.FieldViolation(field=name, description=description)
                    for name, description in refusal.violations
                ]
            )
        )
    for detail in details:
        packed = Packed()
        packed.Pack(detail)
        status.details.append(packed)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(refusal.code, refusal.message, trailers)


@asynccontextmanager
async def serving(service: Service) -> AsyncGenerator[Service]:
    """The service on a free port of this machine, until the end of the block."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(list(_handlers(service)))
    port = server.add_insecure_port("127.0.0.1:0")
    service.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield service
    finally:
        await server.stop(None)


def _handlers(service: Service) -> Iterator[grpc.GenericRpcHandler]:
    for file in FILES:
        for described in file.services_by_name.values():
            methods = {method.name: _handler(service, method) for method in described.methods}
            yield grpc.method_handlers_generic_handler(described.full_name, methods)


def _handler(
    service: Service, method: MethodDescriptor
) -> "grpc.RpcMethodHandler[Message, Message]":
    request_type = GetMessageClass(method.input_type)
    response_type = GetMessageClass(method.output_type)

    async def answer(request: Message, context: Call) -> Message:
        await service.hear(request, context)
        known = service.answers.get(type(request).__name__)
        return known(request) if known else response_type()

    async def stream(request: Message, context: Call) -> AsyncGenerator[Message]:
        await service.hear(request, context)
        for step in service.streams.pop(0):
            if isinstance(step, Refusal):
                await refuse(context, step)
            elif isinstance(step, Wait):
                await step.happened.wait()
            elif step is not None:
                yield response_type(event=step)

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(
            stream, request_type.FromString, response_type.SerializeToString
        )
    return grpc.unary_unary_rpc_method_handler(
        answer, request_type.FromString, response_type.SerializeToString
    )
