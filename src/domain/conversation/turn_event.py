"""What a client of a turn is shown, numbered from 1 without gaps."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.conversation.turn import Failure, Usage
from domain.kernel.identifiers import CapsuleVersionId, InvocationId, RecordId


@dataclass(frozen=True, slots=True)
class Accepted:
    capsule_version_id: CapsuleVersionId
    queued: bool


@dataclass(frozen=True, slots=True)
class Started:
    """A model call begins. A `round` above 0 follows tools; `attempt` above 0 is a fallback."""

    capability: str
    model: str
    round: int
    attempt: int


@dataclass(frozen=True, slots=True)
class TextAdded:
    delta: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    invocation_id: InvocationId
    tool: str
    arguments: str


class AnswerStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """`content` is what the model is told; `reason` says why when the call did not succeed."""

    invocation_id: InvocationId
    status: AnswerStatus
    content: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    invocation_id: InvocationId
    tool: str
    arguments: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Restarted:
    """What was shown from `first_sequence` to `last_sequence` is void: its driver was lost."""

    first_sequence: int
    last_sequence: int


@dataclass(frozen=True, slots=True)
class Degraded:
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    waiting: tuple[InvocationId, ...]


@dataclass(frozen=True, slots=True)
class Resumed:
    pass


@dataclass(frozen=True, slots=True)
class Completed:
    text: str
    finish_reason: str
    usage: Usage
    record_id: RecordId


@dataclass(frozen=True, slots=True)
class Failed:
    failure: Failure
    usage: Usage
    partial_text: str = ""
    record_id: RecordId | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    by: str
    usage: Usage
    record_id: RecordId | None = None


TurnEventBody = (
    Accepted
    | Started
    | TextAdded
    | ToolCalled
    | ToolAnswered
    | ApprovalRequested
    | Restarted
    | Degraded
    | Paused
    | Resumed
    | Completed
    | Failed
    | Cancelled
)
FINAL = (Completed, Failed, Cancelled)


@dataclass(frozen=True, slots=True)
class TurnEvent:
    """One numbered event; it has the same content whenever and wherever it is read."""

    sequence: int
    at: datetime
    body: TurnEventBody

    @property
    def final(self) -> bool:
        return isinstance(self.body, FINAL)

    @property
    def last_sequence(self) -> int:
        """The last number that this event stands for."""
        return self.body.last_sequence if isinstance(self.body, Restarted) else self.sequence
