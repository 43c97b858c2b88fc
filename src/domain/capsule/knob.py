"""The three knobs of a persona, and the settings that are derived from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final, Self

from domain.capsule.errors import KnobOutOfRangeError, UnknownKnobError
from domain.kernel.tier import Tier

LOWEST_LEVEL: Final = 1
HIGHEST_LEVEL: Final = 10
FALLBACK_LEVEL: Final = 5
FALLBACK_BUDGET: Final = Decimal("0.10")
HIGHEST_BUDGET: Final = Decimal(1_000_000)
"""No turn costs more, in USD: a greater budget means this one."""

_LONGEST_NUMBER: Final = 40
"""Characters of a number given as text; a longer one is malformed."""


class ToolApproval(StrEnum):
    """Which tool calls wait for a person."""

    ALL = "all"
    DANGEROUS = "dangerous"
    NONE = "none"


class Egress(StrEnum):
    """Where tools may reach outside."""

    NONE = "none"
    ALLOWLIST = "allowlist"
    EXPANDED = "expanded"
    UNRESTRICTED = "unrestricted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How able, how free, and how dear (USD a turn) a persona may be.

    Raises:
        KnobOutOfRangeError: A level is not in 1 to 10, or the budget is negative or not finite.
    """

    intelligence_level: int = FALLBACK_LEVEL
    autonomy_level: int = FALLBACK_LEVEL
    resource_budget: Decimal = FALLBACK_BUDGET

    def __post_init__(self) -> None:
        for knob, level in (
            ("intelligence_level", self.intelligence_level),
            ("autonomy_level", self.autonomy_level),
        ):
            if not LOWEST_LEVEL <= level <= HIGHEST_LEVEL:
                raise KnobOutOfRangeError(knob, str(level))
        if not self.resource_budget.is_finite() or self.resource_budget < 0:
            raise KnobOutOfRangeError("resource_budget", str(self.resource_budget))

    @classmethod
    def of(cls, raw: Mapping[str, object]) -> Self:
        """Read the knobs of a manifest.

        A level out of range is clamped, a negative budget is 0, and what is missing or malformed
        falls back. Numbers may be given as decimal text; a level must be whole; true and false are
        not numbers.

        Raises:
            UnknownKnobError: There is a name that is no knob.
        """
        for name in raw:
            if name not in _NAMES:
                raise UnknownKnobError(str(name))
        return cls(
            intelligence_level=_level(raw.get("intelligence_level")),
            autonomy_level=_level(raw.get("autonomy_level")),
            resource_budget=_budget(raw.get("resource_budget")),
        )


_NAMES: Final = frozenset({"intelligence_level", "autonomy_level", "resource_budget"})


def _level(raw: object) -> int:
    number = _number(raw)
    if number is None:
        return FALLBACK_LEVEL
    clamped = max(Decimal(LOWEST_LEVEL), min(number, Decimal(HIGHEST_LEVEL)))
    if clamped == number and number != int(number):
        return FALLBACK_LEVEL
    return int(clamped)


def _budget(raw: object) -> Decimal:
    number = _number(raw)
    if number is None:
        return FALLBACK_BUDGET
    return max(Decimal(0), min(number, HIGHEST_BUDGET))


def _number(raw: object) -> Decimal | None:
    """A finite number, or None. A float is taken as it is written: 0.1 is a tenth."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str | Decimal):
        return None
    if isinstance(raw, int):
        # An absurd integer is beyond every clamp; its digits are not worth converting.
        return Decimal(max(-_ABSURD, min(raw, _ABSURD)))
    if isinstance(raw, str) and len(raw) > _LONGEST_NUMBER:
        return None
    try:
        number = raw if isinstance(raw, Decimal) else Decimal(str(raw))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


_ABSURD: Final = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelligenceSettings:
    """What a band of intelligence levels, up to `level`, sets."""

    level: int
    temperature: float
    max_tokens: int
    rlm_iterations: int
    recall_limit: int
    model_tier: Tier
    brain_query: bool
    rlm_max_depth: int
    rlm_thinking_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AutonomySettings:
    """What a band of autonomy levels, up to `level`, sets."""

    level: int
    human_approval_required: bool
    tool_approval: ToolApproval
    egress_allowed: Egress


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """What a resource budget of at least `usd` sets, up to the next row's."""

    usd: Decimal
    token_limit: int
    cost_tier: Tier
    thinking_budget: int


INTELLIGENCE: Final = (
    IntelligenceSettings(
        level=3,
        temperature=0.3,
        max_tokens=512,
        rlm_iterations=1,
        recall_limit=5,
        model_tier=Tier.BUDGET,
        brain_query=False,
        rlm_max_depth=1,
        rlm_thinking_tokens=512,
    ),
    IntelligenceSettings(
        level=6,
        temperature=0.7,
        max_tokens=2048,
        rlm_iterations=2,
        recall_limit=15,
        model_tier=Tier.STANDARD,
        brain_query=True,
        rlm_max_depth=2,
        rlm_thinking_tokens=1024,
    ),
    IntelligenceSettings(
        level=8,
        temperature=0.8,
        max_tokens=4096,
        rlm_iterations=3,
        recall_limit=25,
        model_tier=Tier.PREMIUM,
        brain_query=True,
        rlm_max_depth=3,
        rlm_thinking_tokens=2048,
    ),
    IntelligenceSettings(
        level=10,
        temperature=0.9,
        max_tokens=8192,
        rlm_iterations=5,
        recall_limit=50,
        model_tier=Tier.FLAGSHIP,
        brain_query=True,
        rlm_max_depth=5,
        rlm_thinking_tokens=4096,
    ),
)

AUTONOMY: Final = (
    AutonomySettings(
        level=3,
        human_approval_required=True,
        tool_approval=ToolApproval.ALL,
        egress_allowed=Egress.NONE,
    ),
    AutonomySettings(
        level=6,
        human_approval_required=False,
        tool_approval=ToolApproval.DANGEROUS,
        egress_allowed=Egress.ALLOWLIST,
    ),
    AutonomySettings(
        level=8,
        human_approval_required=False,
        tool_approval=ToolApproval.NONE,
        egress_allowed=Egress.EXPANDED,
    ),
    AutonomySettings(
        level=10,
        human_approval_required=False,
        tool_approval=ToolApproval.NONE,
        egress_allowed=Egress.UNRESTRICTED,
    ),
)

RESOURCE_BUDGET: Final = (
    BudgetSettings(usd=Decimal(0), token_limit=1_000, cost_tier=Tier.BUDGET, thinking_budget=256),
    BudgetSettings(
        usd=Decimal("0.10"), token_limit=10_000, cost_tier=Tier.STANDARD, thinking_budget=1_024
    ),
    BudgetSettings(
        usd=Decimal("0.50"), token_limit=50_000, cost_tier=Tier.PREMIUM, thinking_budget=2_048
    ),
    BudgetSettings(
        usd=Decimal("2.00"), token_limit=100_000, cost_tier=Tier.FLAGSHIP, thinking_budget=4_096
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedSettings:
    """What a turn may do, as its capsule's knobs say; `recall_limit` is in items."""

    temperature: float
    max_tokens: int
    rlm_iterations: int
    recall_limit: int
    model_tier: Tier
    brain_query: bool
    rlm_max_depth: int
    rlm_thinking_tokens: int
    human_approval_required: bool
    tool_approval: ToolApproval
    egress_allowed: Egress
    token_limit: int
    cost_tier: Tier
    thinking_budget: int


def derive(knobs: Knobs) -> DerivedSettings:
    """Derive the settings: a pure function of the knobs."""
    mind = next(row for row in INTELLIGENCE if knobs.intelligence_level <= row.level)
    freedom = next(row for row in AUTONOMY if knobs.autonomy_level <= row.level)
    means = next(row for row in reversed(RESOURCE_BUDGET) if knobs.resource_budget >= row.usd)
    return DerivedSettings(
        temperature=mind.temperature,
        max_tokens=mind.max_tokens,
        rlm_iterations=mind.rlm_iterations,
        recall_limit=mind.recall_limit,
        model_tier=mind.model_tier,
        brain_query=mind.brain_query,
        rlm_max_depth=mind.rlm_max_depth,
        rlm_thinking_tokens=mind.rlm_thinking_tokens,
        human_approval_required=freedom.human_approval_required,
        tool_approval=freedom.tool_approval,
        egress_allowed=freedom.egress_allowed,
        token_limit=means.token_limit,
        cost_tier=means.cost_tier,
        thinking_budget=means.thinking_budget,
    )
