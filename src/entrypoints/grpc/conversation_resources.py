"""Sessions, turns and what they used, as messages of the API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from application.conversation.name_capsule_version import CapsuleVersionName
from domain.conversation.feedback import Rating
from domain.conversation.session import Busy, Session
from domain.conversation.turn import Failure, Turn, TurnState, Usage
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.metering import Metric, list_price_micro_usd
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode
from entrypoints.grpc.errors import CODES, ERROR_DOMAIN
from entrypoints.grpc.names import capsule_name, record_name, session_name, turn_name
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.errors.v1 import error_pb2

KIND_CODES: Final[Mapping[str, int]] = MappingProxyType(
    {kind.__name__: code.value[0] for kind, code in CODES.items()}
)
"""The google.rpc.Code of each kind of refusal, by its name, as kept failures have it."""

STATES: Final = MappingProxyType(
    {state: pb.TurnState.Value(f"TURN_STATE_{state.name}") for state in TurnState}
)
POLICIES: Final = MappingProxyType(
    {
        Busy.QUEUE: pb.BUSY_POLICY_QUEUE,
        Busy.REFUSE: pb.BUSY_POLICY_REFUSE,
    }
)
RATINGS: Final = MappingProxyType(
    {
        Rating.GOOD: pb.RATING_GOOD,
        Rating.BAD: pb.RATING_BAD,
    }
)

_INTERNAL: Final[int] = grpc.StatusCode.INTERNAL.value[0]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MODES: Final = MappingProxyType(
    {
        pb.TOOL_CHOICE_MODE_AUTO: ToolChoiceMode.AUTO,
        pb.TOOL_CHOICE_MODE_NONE: ToolChoiceMode.NONE,
        pb.TOOL_CHOICE_MODE_REQUIRED: ToolChoiceMode.REQUIRED,
    }
)


def session_of_domain(tenant: str, session: Session) -> pb.Session:
    open_turn = session.queue.open_turn
    return pb.Session(
        name=session_name(tenant, session.id),
        capsule=capsule_name(tenant, session.capsule),
        subject=session.subject,
        busy_policy=POLICIES[session.busy],
        max_waiting=session.max_waiting,
        open_turn="" if open_turn is None else turn_name(tenant, session.id, open_turn),
        waiting=len(session.queue.waiting),
        create_time=timestamp(session.created_at),
        delete_time=None if session.deleted_at is None else timestamp(session.deleted_at),
        etag=session.etag,
    )


def turn_of_domain(tenant: str, turn: Turn, capsule: CapsuleVersionName) -> pb.Turn:
    return pb.Turn(
        name=turn_name(tenant, turn.session_id, turn.id),
        state=STATES[turn.state],
        capsule_version=capsule_name(tenant, capsule.capsule, capsule.version),
        subject=turn.order.principal.subject,
        message=turn.order.text,
        answer=turn.answer,
        usage=usage_of_domain(turn.usage),
        error=None if turn.failure is None else error_of(turn.failure),
        record="" if turn.record_id is None else record_name(tenant, turn.record_id),
        create_time=timestamp(turn.accepted_at),
        end_time=None if turn.finished_at is None else timestamp(turn.finished_at),
        deadline=timestamp(turn.deadline_at),
    )


def usage_of_domain(usage: Usage) -> pb.Usage:
    cost = (
        list_price_micro_usd(Metric.TOKENS, usage.tokens)
        + list_price_micro_usd(Metric.TOOL_CALLS, usage.tool_calls)
        + list_price_micro_usd(Metric.API_CALLS, usage.api_calls)
    )
    return pb.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        tool_calls=usage.tool_calls,
        api_calls=usage.api_calls,
        estimated=usage.estimated,
        cost_micro_usd=cost,
        provider_cost_micro_usd=usage.provider_cost_micro_usd,
    )


def error_of(failure: Failure) -> error_pb2.Error:
    """A kept failure with the code that the same refusal has as a status of a call."""
    return error_pb2.Error(
        code=KIND_CODES.get(failure.kind, _INTERNAL),
        reason=failure.reason,
        domain=ERROR_DOMAIN,
        message=failure.message,
        metadata=failure.facts,
    )


def tool_choice_of(request: pb.ProcessMessageRequest) -> ToolChoice | None:
    """What the request says of tools; None where the capsule's own choice holds."""
    if not request.HasField("tool_choice"):
        return None
    asked = request.tool_choice
    if asked.WhichOneof("choice") == "tool":
        return ToolChoice(ToolChoiceMode.NAMED, asked.tool)
    return ToolChoice(_MODES[asked.mode])


def busy_of(policy: "pb.BusyPolicy.ValueType") -> Busy | None:
    """What the request says of messages that come while a turn is open; None for nothing."""
    return next((busy for busy, value in POLICIES.items() if value == policy), None)


def rating_of(rating: "pb.Rating.ValueType") -> Rating:
    return next(one for one, value in RATINGS.items() if value == rating)


def timestamp(at: datetime) -> Timestamp:
    since = at - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def instant_of(field: str, at: Timestamp) -> datetime:
    """What a request says of a time, to the microsecond.

    Raises:
        InvalidArgumentError: It is outside the years 1 to 9999, or its nanoseconds are none.
    """
    try:
        return at.ToDatetime(UTC)
    except ValueError:
        raise InvalidArgumentError(field, "is no time of the years 1 to 9999") from None
