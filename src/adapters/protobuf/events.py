"""Facts as messages of `somagent.events.v1`, the payloads of published events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar, final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.protobuf import event_names as names
from adapters.protobuf.turn_usage import usage_form
from domain.budget.events import BudgetWarning, UsageRecorded
from domain.capsule.events import CapsuleActivated
from domain.conversation.events import (
    TurnAccepted,
    TurnCancelled,
    TurnCompleted,
    TurnFact,
    TurnFailed,
    TurnPaused,
    TurnResumed,
)
from domain.conversation.turn import Failure
from domain.kernel.events import AuditRecorded, DomainEvent
from domain.kernel.metering import Metric
from domain.memory.events import MemoryForgotten, MemoryRemembered
from domain.provenance.events import RecordsSealed
from domain.tools.events import ApprovalDecided, ApprovalRequested, CallFact, ToolInvoked
from domain.tools.invocation import InvocationState
from somagent.budget.v1 import budget_pb2
from somagent.errors.v1 import error_pb2
from somagent.events.v1 import events_pb2 as pb
from somagent.tools.v1 import tools_pb2

ERROR_DOMAIN: Final = "somagent.dev"
_INTERNAL: Final = 13

Codes = Mapping[str, int]
"""The google.rpc.Code of each kind of refusal, by the name of the kind's class."""

E = TypeVar("E", bound=DomainEvent)


@dataclass(frozen=True, slots=True)
class _Encoding(Generic[E]):
    """How one kind of fact is told: its type on the wire, and its message."""

    kind: type[E]
    type: str
    message: Callable[[E, Codes], Message]

    def of(self, event: DomainEvent, codes: Codes) -> tuple[str, bytes]:
        if not isinstance(event, self.kind):
            raise TypeError(f"{type(event).__name__} is not {self.kind.__name__}")
        return self.type, self.message(event, codes).SerializeToString()


@final
@dataclass(frozen=True, slots=True)
class EventEncoding:
    """Gives the type and the payload of a fact; `codes` are for the errors that facts tell of."""

    codes: Codes

    def __call__(self, event: DomainEvent) -> tuple[str, bytes]:
        """Encode a fact.

        Raises:
            TypeError: No message is defined for this kind of fact.
        """
        encoding = _ENCODINGS.get(type(event))
        if encoding is None:
            raise TypeError(f"no published message tells of {type(event).__name__}")
        return encoding(event, self.codes)


def _accepted(event: TurnAccepted, _: Codes) -> Message:
    return pb.TurnAccepted(
        turn=_turn(event),
        capsule_version_id=str(event.capsule_version_id),
        subject=event.subject,
    )


def _paused(event: TurnPaused, _: Codes) -> Message:
    waiting = [names.invocation(event.tenant, one) for one in event.waiting]
    return pb.TurnPaused(turn=_turn(event), invocations=waiting)


def _resumed(event: TurnResumed, _: Codes) -> Message:
    return pb.TurnResumed(turn=_turn(event))


def _completed(event: TurnCompleted, _: Codes) -> Message:
    return pb.TurnCompleted(
        turn=_turn(event),
        capsule_version_id=str(event.capsule_version_id),
        usage=usage_form(event.usage),
        record=names.record(event.tenant, event.record_id),
    )


def _failed(event: TurnFailed, codes: Codes) -> Message:
    return pb.TurnFailed(
        turn=_turn(event),
        error=_error(event.failure, codes),
        usage=usage_form(event.usage),
        record=names.record(event.tenant, event.record_id),
    )


def _cancelled(event: TurnCancelled, _: Codes) -> Message:
    return pb.TurnCancelled(
        turn=_turn(event),
        subject=event.by,
        usage=usage_form(event.usage),
        record=names.record(event.tenant, event.record_id),
    )


def _used(event: UsageRecorded, _: Codes) -> Message:
    told = pb.UsageRecorded(turn=_turn_of(event), subject=event.subject)
    if event.invocation_id is not None:
        told.invocation = names.invocation(event.tenant, event.invocation_id)
    if event.reservation_id is not None:
        told.reservation = names.reservation(event.tenant, event.reservation_id)
    for used in event.lines:
        line = told.lines.add(price_version=used.price_version, cost_micro_usd=used.cost_micro_usd)
        line.quantity.metric = _METRICS[used.metric]
        line.quantity.amount = used.amount
    return told


def _invoked(event: ToolInvoked, _: Codes) -> Message:
    return pb.ToolInvoked(
        invocation=names.invocation(event.tenant, event.invocation_id),
        tool=event.tool,
        state=_STATES[event.state],
        turn=_turn_of(event),
    )


def _approval_requested(event: ApprovalRequested, _: Codes) -> Message:
    return pb.ApprovalRequested(
        invocation=names.invocation(event.tenant, event.invocation_id),
        tool=event.tool,
        turn=_turn_of(event),
        expire_time=_timestamp(event.expires_at),
    )


def _approval_decided(event: ApprovalDecided, _: Codes) -> Message:
    return pb.ApprovalDecided(
        invocation=names.invocation(event.tenant, event.invocation_id),
        state=_STATES[event.state],
        decider=event.decider,
        turn=_turn_of(event),
    )


def _warning(event: BudgetWarning, _: Codes) -> Message:
    return pb.BudgetWarning(
        account=budget_pb2.Account(
            kind=budget_pb2.AccountKind.Value(f"ACCOUNT_KIND_{event.account.kind.name}"),
            id=event.account.name,
        ),
        metric=_METRICS[event.metric],
        percent=event.percent,
        spent=event.spent,
        limit=event.limit,
        period=event.period.strftime("%Y-%m"),
    )


def _activated(event: CapsuleActivated, _: Codes) -> Message:
    previous = event.previous
    return pb.CapsuleActivated(
        capsule_version=names.capsule_version(event.tenant, event.capsule, event.version),
        previous_version=names.capsule_version(event.tenant, event.capsule, previous)
        if previous
        else "",
        hash=event.hash.hex(),
        subject=event.subject,
    )


def _audit(event: AuditRecorded, _: Codes) -> Message:
    return pb.AuditRecorded(
        action=event.action,
        subject=event.subject,
        resource=event.resource,
        allowed=not event.reason,
        reason=event.reason,
    )


def _sealed(event: RecordsSealed, _: Codes) -> Message:
    told = pb.RecordsSealed(key_id=event.key_id)
    for one in event.records:
        told.records.add(record_id=str(one.record_id), position=one.position, hash=one.hash.hex())
    return told


def _remembered(event: MemoryRemembered, _: Codes) -> Message:
    session = event.scope.session_id
    return pb.MemoryRemembered(
        memory_id=str(event.memory_id),
        subject=event.scope.subject,
        session_id="" if session is None else str(session),
        kind=event.kind.value,
        digest=event.digest.hex(),
    )


def _forgotten(event: MemoryForgotten, _: Codes) -> Message:
    return pb.MemoryForgotten(memory_id=str(event.memory_id))


_ENCODINGS: Final[Mapping[type[DomainEvent], Callable[[DomainEvent, Codes], tuple[str, bytes]]]] = {
    TurnAccepted: _Encoding(TurnAccepted, "turn.accepted", _accepted).of,
    TurnPaused: _Encoding(TurnPaused, "turn.paused", _paused).of,
    TurnResumed: _Encoding(TurnResumed, "turn.resumed", _resumed).of,
    TurnCompleted: _Encoding(TurnCompleted, "turn.completed", _completed).of,
    TurnFailed: _Encoding(TurnFailed, "turn.failed", _failed).of,
    TurnCancelled: _Encoding(TurnCancelled, "turn.cancelled", _cancelled).of,
    UsageRecorded: _Encoding(UsageRecorded, "usage.recorded", _used).of,
    ToolInvoked: _Encoding(ToolInvoked, "tool.invoked", _invoked).of,
    ApprovalRequested: _Encoding(ApprovalRequested, "approval.requested", _approval_requested).of,
    ApprovalDecided: _Encoding(ApprovalDecided, "approval.decided", _approval_decided).of,
    BudgetWarning: _Encoding(BudgetWarning, "budget.warning", _warning).of,
    RecordsSealed: _Encoding(RecordsSealed, "records.sealed", _sealed).of,
    MemoryRemembered: _Encoding(MemoryRemembered, "memory.remembered", _remembered).of,
    MemoryForgotten: _Encoding(MemoryForgotten, "memory.forgotten", _forgotten).of,
    CapsuleActivated: _Encoding(CapsuleActivated, "capsule.activated", _activated).of,
    AuditRecorded: _Encoding(AuditRecorded, "audit.recorded", _audit).of,
}

PAYLOADS: Final[Mapping[str, str]] = {
    "turn.accepted": pb.TurnAccepted.DESCRIPTOR.full_name,
    "turn.paused": pb.TurnPaused.DESCRIPTOR.full_name,
    "turn.resumed": pb.TurnResumed.DESCRIPTOR.full_name,
    "turn.completed": pb.TurnCompleted.DESCRIPTOR.full_name,
    "turn.failed": pb.TurnFailed.DESCRIPTOR.full_name,
    "turn.cancelled": pb.TurnCancelled.DESCRIPTOR.full_name,
    "usage.recorded": pb.UsageRecorded.DESCRIPTOR.full_name,
    "tool.invoked": pb.ToolInvoked.DESCRIPTOR.full_name,
    "approval.requested": pb.ApprovalRequested.DESCRIPTOR.full_name,
    "approval.decided": pb.ApprovalDecided.DESCRIPTOR.full_name,
    "budget.warning": pb.BudgetWarning.DESCRIPTOR.full_name,
    "records.sealed": pb.RecordsSealed.DESCRIPTOR.full_name,
    "memory.remembered": pb.MemoryRemembered.DESCRIPTOR.full_name,
    "memory.forgotten": pb.MemoryForgotten.DESCRIPTOR.full_name,
    "capsule.activated": pb.CapsuleActivated.DESCRIPTOR.full_name,
    "audit.recorded": pb.AuditRecorded.DESCRIPTOR.full_name,
}
"""The message that each type's payload is: what an envelope's Any is named for."""


def _turn(event: TurnFact) -> str:
    return names.turn(event.tenant, event.session_id, event.turn_id)


def _turn_of(event: CallFact | UsageRecorded) -> str:
    if event.session_id is None or event.turn_id is None:
        return ""
    return names.turn(event.tenant, event.session_id, event.turn_id)


def _error(failure: Failure, codes: Codes) -> error_pb2.Error:
    return error_pb2.Error(
        code=codes.get(failure.kind, _INTERNAL),
        reason=failure.reason,
        domain=ERROR_DOMAIN,
        message=failure.message,
        metadata=failure.facts,
    )


_METRICS: Final[Mapping[str, "budget_pb2.Metric.ValueType"]] = {
    metric: budget_pb2.Metric.Value(f"METRIC_{metric.name}") for metric in Metric
}
_STATES: Final[Mapping[InvocationState, "tools_pb2.InvocationState.ValueType"]] = {
    state: tools_pb2.InvocationState.Value(f"INVOCATION_STATE_{state.name}")
    for state in InvocationState
}


def _timestamp(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
