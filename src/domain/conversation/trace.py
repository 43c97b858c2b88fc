"""Why a turn did what it did: the decision trace that is kept with its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.conversation.phase import Attempt, LaneUse, PhaseTime
from domain.kernel.identifiers import TurnId
from domain.kernel.metering import Metric

Setting = str | int | float | bool


@dataclass(frozen=True, slots=True)
class FellOutTrace:
    """A capability that could not serve, the rule that says so, and that in words."""

    capability: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionTrace:
    """Which capability was chosen, who follows if it fails, and who fell out, all by name."""

    chosen: str
    fallbacks: tuple[str, ...] = ()
    fell_out: tuple[FellOutTrace, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryTrace:
    """A recollection that was used: how well it answered the cue, and the tokens it took."""

    memory: str
    score: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTrace:
    """How a turn went; all but `turn_id` is empty while it has not ended.

    `selection` is None where the turn ended before a model was chosen. `estimated` tells whether
    tokens of lanes are a declared estimate. `held_tokens` is what was reserved in all,
    `overrun` what was used beyond the limits of the tenant's own account.
    `decisions` are (permission, resource, allowed, rule); `degraded` are (what, why).
    """

    turn_id: TurnId
    phases: tuple[PhaseTime, ...] = ()
    selection: SelectionTrace | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict[str, Setting])
    lanes: tuple[LaneUse, ...] = ()
    estimated: bool = False
    held_tokens: int = 0
    overrun: Mapping[Metric, int] = field(default_factory=dict[Metric, int])
    attempts: tuple[Attempt, ...] = ()
    memories: tuple[MemoryTrace, ...] = ()
    decisions: tuple[tuple[str, str, bool, str], ...] = ()
    degraded: tuple[tuple[str, str], ...] = ()
