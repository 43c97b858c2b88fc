"""The events of a turn as messages of the API."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Generic, TypeVar, final

from google.protobuf.timestamp_pb2 import Timestamp

from domain.conversation.turn_event import (
    Accepted,
    AnswerStatus,
    ApprovalRequested,
    Cancelled,
    Completed,
    Degraded,
    Failed,
    Paused,
    Restarted,
    Resumed,
    Started,
    TextAdded,
    ToolAnswered,
    ToolCalled,
    TurnEvent,
)
from domain.kernel.identifiers import RecordId, SessionId, TurnId
from entrypoints.grpc.conversation_resources import error_of, timestamp, usage_of_domain
from entrypoints.grpc.names import capability_name, invocation_name, record_name, turn_name
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2

R = TypeVar("R", pb.ProcessMessageResponse, pb.WatchTurnResponse)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FINISH_REASONS: Final = MappingProxyType(
    {
        "stop": pb.FINISH_REASON_STOP,
        "length": pb.FINISH_REASON_LENGTH,
        "tool_calls": pb.FINISH_REASON_TOOL_CALLS,
        "content_filter": pb.FINISH_REASON_CONTENT_FILTER,
        "budget": pb.FINISH_REASON_BUDGET,
    }
)

ANSWERS: Final = MappingProxyType(
    {
        AnswerStatus.SUCCEEDED: tools_pb2.INVOCATION_STATE_SUCCEEDED,
        AnswerStatus.FAILED: tools_pb2.INVOCATION_STATE_FAILED,
        AnswerStatus.UNKNOWN: tools_pb2.INVOCATION_STATE_UNKNOWN,
        AnswerStatus.DENIED: tools_pb2.INVOCATION_STATE_DENIED,
    }
)
DENIALS: Final = MappingProxyType(
    {
        "APPROVAL_REJECTED": tools_pb2.INVOCATION_STATE_REJECTED,
        "APPROVAL_EXPIRED": tools_pb2.INVOCATION_STATE_EXPIRED,
    }
)
"""Denials by a person, or by nobody: told apart by their reason."""


@final
class TurnEventForm(Generic[R]):
    """Turns one stream's events into its responses.

    Text is most of what streams: its response is made once and filled anew for each piece, which
    costs a third. So a response is good until the next one is asked for; gRPC has serialized it by
    then, for it takes the next one from a stream only after it has sent the one before.
    """

    __slots__ = ("_event", "_kind", "_response", "_text", "_time", "capsule_version", "names")

    def __init__(self, kind: type[R], names: "TurnNames") -> None:
        self.names = names
        self.capsule_version = ""
        self._kind: type[R] = kind
        self._response: R = kind()
        self._event: pb.TurnEvent = self._response.event
        self._time: Timestamp = self._event.time
        self._text: pb.TextDelta = self._event.text

    def response(self, event: TurnEvent) -> R:
        body = event.body
        if isinstance(body, TextAdded):
            since = event.at - _EPOCH
            self._event.sequence = event.sequence
            self._time.seconds = since.days * 86400 + since.seconds
            self._time.nanos = since.microseconds * 1000
            self._text.delta = body.delta
            return self._response
        response = self._kind()
        told = response.event
        told.sequence = event.sequence
        since = event.at - _EPOCH
        told.time.seconds = since.days * 86400 + since.seconds
        told.time.nanos = since.microseconds * 1000
        if isinstance(body, Accepted):
            told.accepted.turn = self.names.turn
            told.accepted.capsule_version = self.capsule_version
            told.accepted.queued = body.queued
        else:
            _TELL[type(body)](told, event, self.names)
        return response


@final
class TurnNames:
    """The resource names that the events of one turn are told with."""

    __slots__ = ("tenant", "turn")

    def __init__(self, tenant: str, session_id: SessionId, turn_id: TurnId) -> None:
        self.tenant = tenant
        self.turn = turn_name(tenant, session_id, turn_id)

    def record(self, record_id: RecordId | None) -> str:
        return "" if record_id is None else record_name(self.tenant, record_id)


def _started(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, Started):
        told.started.capability = capability_name(names.tenant, body.capability)
        told.started.model = body.model
        told.started.round = body.round
        told.started.attempt = body.attempt + 1


def _tool_called(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, ToolCalled):
        told.tool_call.invocation = invocation_name(names.tenant, body.invocation_id)
        told.tool_call.tool = body.tool
        told.tool_call.arguments = body.arguments


def _tool_answered(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, ToolAnswered):
        told.tool_result.invocation = invocation_name(names.tenant, body.invocation_id)
        state = ANSWERS[body.status]
        if body.status is AnswerStatus.DENIED:
            state = DENIALS.get(body.reason, state)
        told.tool_result.state = state
        told.tool_result.content = body.content
        told.tool_result.reason = body.reason


def _approval_requested(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, ApprovalRequested):
        told.approval_requested.invocation = invocation_name(names.tenant, body.invocation_id)
        told.approval_requested.tool = body.tool
        told.approval_requested.arguments = body.arguments
        told.approval_requested.expire_time.CopyFrom(timestamp(body.expires_at))


def _restarted(told: pb.TurnEvent, event: TurnEvent, _: TurnNames) -> None:
    if isinstance(body := event.body, Restarted):
        told.restarted.first_sequence = body.first_sequence
        told.restarted.last_sequence = body.last_sequence


def _degraded(told: pb.TurnEvent, event: TurnEvent, _: TurnNames) -> None:
    if isinstance(body := event.body, Degraded):
        told.degraded.what = body.what
        told.degraded.reason = body.reason


def _paused(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, Paused):
        told.paused.SetInParent()
        told.paused.invocations.extend(invocation_name(names.tenant, one) for one in body.waiting)


def _resumed(told: pb.TurnEvent, _: TurnEvent, __: TurnNames) -> None:
    told.resumed.SetInParent()


def _completed(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, Completed):
        told.completed.text = body.text
        told.completed.finish_reason = FINISH_REASONS.get(
            body.finish_reason, pb.FINISH_REASON_UNSPECIFIED
        )
        told.completed.usage.CopyFrom(usage_of_domain(body.usage))
        told.completed.record = names.record(body.record_id)


def _failed(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, Failed):
        told.failed.error.CopyFrom(error_of(body.failure))
        told.failed.usage.CopyFrom(usage_of_domain(body.usage))
        told.failed.partial_text = body.partial_text
        told.failed.record = names.record(body.record_id)


def _cancelled(told: pb.TurnEvent, event: TurnEvent, names: TurnNames) -> None:
    if isinstance(body := event.body, Cancelled):
        told.cancelled.subject = body.by
        told.cancelled.usage.CopyFrom(usage_of_domain(body.usage))
        told.cancelled.record = names.record(body.record_id)


_TELL: Final[Mapping[type, Callable[[pb.TurnEvent, TurnEvent, TurnNames], None]]] = {
    Started: _started,
    ToolCalled: _tool_called,
    ToolAnswered: _tool_answered,
    ApprovalRequested: _approval_requested,
    Restarted: _restarted,
    Degraded: _degraded,
    Paused: _paused,
    Resumed: _resumed,
    Completed: _completed,
    Failed: _failed,
    Cancelled: _cancelled,
}
