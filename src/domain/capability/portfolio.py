"""How well capabilities did, as one number each, from recorded outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SUCCESS_WEIGHT: Final = 0.4
LATENCY_WEIGHT: Final = 0.2
QUALITY_WEIGHT: Final = 0.3
COST_WEIGHT: Final = 0.1

EXPLORATION: Final = 0.05
"""The share of selections that try another candidate, where a tenant switched exploring on."""

QUALITY_MINIMUM: Final = 0.7
"""The score that a task must reach at a quality gate, unless it says otherwise."""

QUALITY_REWORKS: Final = 2
"""How often a task that failed its quality gate may be done again."""


class PortfolioMode(StrEnum):
    """Whether scores are only computed and logged, or break ties among the allowed."""

    SHADOW = "shadow"
    ACTIVE = "active"


DEFAULT_MODE: Final = PortfolioMode.SHADOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What was recorded of one candidate: rates and quality in [0, 1], seconds, USD a call."""

    success_rate: float
    latency: float
    quality: float
    cost: float


def portfolio_score(
    *, success_rate: float, normalised_latency: float, quality: float, normalised_cost: float
) -> float:
    """One candidate's score in [0, 1]; every argument is in [0, 1]."""
    return (
        SUCCESS_WEIGHT * success_rate
        + LATENCY_WEIGHT * (1 - normalised_latency)
        + QUALITY_WEIGHT * quality
        + COST_WEIGHT * (1 - normalised_cost)
    )


def portfolio_scores(outcomes: Mapping[str, Outcomes]) -> Mapping[str, float]:
    """Every candidate's score; latency and cost are normalised by the greatest among them."""
    slowest = max((one.latency for one in outcomes.values()), default=0.0)
    dearest = max((one.cost for one in outcomes.values()), default=0.0)
    return {
        name: portfolio_score(
            success_rate=one.success_rate,
            normalised_latency=one.latency / slowest if slowest else 0.0,
            quality=one.quality,
            normalised_cost=one.cost / dearest if dearest else 0.0,
        )
        for name, one in outcomes.items()
    }
