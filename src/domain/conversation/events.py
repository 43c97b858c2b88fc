"""Facts that the conversation context publishes."""

from dataclasses import dataclass

from domain.conversation.turn import Failure, Usage
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    CapsuleVersionId,
    InvocationId,
    RecordId,
    SessionId,
    TurnId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFact(DomainEvent):
    """A fact about one turn; its key is the session, so that a session's facts stay in order."""

    tenant: str
    session_id: SessionId
    turn_id: TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnAccepted(TurnFact):
    capsule_version_id: CapsuleVersionId
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPaused(TurnFact):
    waiting: tuple[InvocationId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResumed(TurnFact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnCompleted(TurnFact):
    capsule_version_id: CapsuleVersionId
    usage: Usage
    record_id: RecordId


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFailed(TurnFact):
    failure: Failure
    usage: Usage
    record_id: RecordId


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnCancelled(TurnFact):
    by: str
    usage: Usage
    record_id: RecordId
