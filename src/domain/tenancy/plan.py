"""The plans, what each allows in a month, and when a tenant is warned."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.kernel.metering import BUDGET_METRICS, Metric
from domain.kernel.rank import Rank


class Plan(Rank):
    """What a tenant subscribed to, the lowest first."""

    FREE = "free"
    STARTER = "starter"
    TEAM = "team"
    ENTERPRISE = "enterprise"


_UNITS: Final[Mapping[Metric, tuple[int, int, int]]] = MappingProxyType(
    {
        Metric.TOKENS: (10_000, 100_000, 500_000),
        Metric.TOOL_CALLS: (100, 1_000, 10_000),
        Metric.IMAGES: (10, 100, 500),
        Metric.VOICE_MINUTES: (10, 60, 300),
        Metric.API_CALLS: (1_000, 10_000, 100_000),
        Metric.MEMORY_TOKENS: (50_000, 500_000, 2_000_000),
        Metric.VECTOR_OPS: (5_000, 50_000, 500_000),
        Metric.LEARNING: (10, 100, 1_000),
        Metric.STORAGE_GB: (1, 10, 100),
        Metric.SESSIONS: (1, 5, 20),
    }
)


def _limits(column: int) -> Mapping[Metric, int | None]:
    return MappingProxyType(
        {metric: row[column] * BUDGET_METRICS[metric].base_units for metric, row in _UNITS.items()}
    )


PLAN_LIMITS: Final[Mapping[Plan, Mapping[Metric, int | None]]] = MappingProxyType(
    {
        Plan.FREE: _limits(0),
        Plan.STARTER: _limits(1),
        Plan.TEAM: _limits(2),
        Plan.ENTERPRISE: MappingProxyType(dict.fromkeys(Metric, None)),
    }
)
"""Base units in a calendar month, UTC; of level metrics, at any time. None is unlimited."""

WARNING_PERCENTS: Final = (80, 95)
"""At which shares of a limit a tenant is warned, once each in a period."""


def warnings_due(limit: int | None, *, before: int, after: int) -> tuple[int, ...]:
    """The warnings, in percent of the limit, that usage reached on its way from before to after.

    For a sum, which only grows, each comes once in a period. A level may fall and reach a mark
    again: there the caller keeps which were sent.
    """
    if limit is None:
        return ()
    return tuple(
        percent for percent in WARNING_PERCENTS if before * 100 < limit * percent <= after * 100
    )
