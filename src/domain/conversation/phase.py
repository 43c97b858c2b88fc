"""The twelve phases of a turn, and the trace of how they went."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Steps of work, in the order of their numbers; never states."""

    AUTHENTICATE = "authenticate"
    BUDGET = "budget"
    CAPSULE = "capsule"
    DERIVE = "derive"
    CONTEXT = "context"
    MEMORY = "memory"
    MODEL = "model"
    REASON = "reason"
    TOOLS = "tools"
    SAVE = "save"
    LEARN = "learn"
    OBSERVE = "observe"

    @property
    def number(self) -> int:
        return list(Phase).index(self) + 1


class PhaseStatus(StrEnum):
    OK = "ok"
    SKIPPED = "skipped"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """One run of a phase: microseconds since the turn's message came in, and how long it took.

    A phase that runs once a round (model, tools) has a time for each.
    """

    phase: Phase
    offset_us: int
    duration_us: int
    status: PhaseStatus = PhaseStatus.OK
    note: str = ""


@dataclass(frozen=True, slots=True)
class LaneUse:
    """One lane of a context: its budget and use in tokens, and how many items were kept and cut."""

    lane: str
    budget: int
    used: int
    items: int
    cut: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of a model: which, what came of it, and what was used."""

    capability: str
    provider: str
    model: str
    round: int
    outcome: str
    request_id: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_byte_us: int = 0
    confidence: float | None = None
