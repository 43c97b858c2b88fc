"""What is metered, in which units, and what a unit is listed at."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

MAX_AMOUNT: Final = 10**12
"""The most that one amount may be, in base units; sums of amounts stay far below 2**63."""

PRICE_VERSION: Final = 1
"""Which list prices these are. A ledger line keeps the version that it was priced with."""

MICRO_USD: Final = Decimal("0.000001")


class Metric(StrEnum):
    """What is metered."""

    TOKENS = "tokens"
    TOOL_CALLS = "tool_calls"
    IMAGES = "images"
    VOICE_MINUTES = "voice_minutes"
    API_CALLS = "api_calls"
    MEMORY_TOKENS = "memory_tokens"
    VECTOR_OPS = "vector_ops"
    LEARNING = "learning"
    STORAGE_GB = "storage_gb"
    SESSIONS = "sessions"

    @property
    def code(self) -> int:
        """What tables store: it never changes and is never given to another."""
        return METRIC_CODES[self]

    @classmethod
    def of(cls, code: int) -> "Metric":
        """The metric that a table stored.

        Raises:
            KeyError: No metric has this code.
        """
        return _BY_CODE[code]


METRIC_CODES: Final[Mapping[Metric, int]] = MappingProxyType(
    {
        Metric.TOKENS: 1,
        Metric.TOOL_CALLS: 2,
        Metric.IMAGES: 3,
        Metric.VOICE_MINUTES: 4,
        Metric.API_CALLS: 5,
        Metric.MEMORY_TOKENS: 6,
        Metric.VECTOR_OPS: 7,
        Metric.LEARNING: 8,
        Metric.STORAGE_GB: 9,
        Metric.SESSIONS: 10,
    }
)

_BY_CODE: Final[Mapping[int, Metric]] = MappingProxyType(
    {code: metric for metric, code in METRIC_CODES.items()}
)

LEVEL_METRICS: Final = frozenset({Metric.STORAGE_GB, Metric.SESSIONS})
"""Metrics that are levels, not sums over a period."""


class MetricTier(StrEnum):
    """How much depends on a metric."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    MONITOR = "monitor"


class Unit(StrEnum):
    """What people see a metric in."""

    COUNT = "count"
    MINUTES = "minutes"
    TOKENS = "tokens"
    GB = "GB"
    CONCURRENT = "concurrent"


BASE_UNITS: Final[Mapping[Unit, int]] = MappingProxyType(
    {
        Unit.COUNT: 1,
        Unit.MINUTES: 60_000,
        Unit.TOKENS: 1,
        Unit.GB: 1_000_000_000,
        Unit.CONCURRENT: 1,
    }
)
"""Base units in a unit: milliseconds in a minute, bytes in a (decimal) gigabyte, else one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTerms:
    """How a metric is counted, priced, checked and switched."""

    unit: Unit
    tier: MetricTier
    usd_per_unit: Decimal
    checked_before_use: bool
    billing_code: str
    on_by_default: bool
    lockable: bool

    @property
    def base_units(self) -> int:
        """Base units in one unit."""
        return BASE_UNITS[self.unit]


def _terms(
    unit: Unit,
    tier: MetricTier,
    usd_per_unit: str,
    billing_code: str,
    *,
    checked: bool = True,
) -> MetricTerms:
    # What is critical cannot be switched off; what is only monitored begins switched off.
    return MetricTerms(
        unit=unit,
        tier=tier,
        usd_per_unit=Decimal(usd_per_unit),
        checked_before_use=checked,
        billing_code=billing_code,
        on_by_default=tier is not MetricTier.MONITOR,
        lockable=tier is MetricTier.CRITICAL,
    )


BUDGET_METRICS: Final[Mapping[Metric, MetricTerms]] = MappingProxyType(
    {
        Metric.TOKENS: _terms(Unit.COUNT, MetricTier.CRITICAL, "0.0001", "tokens"),
        Metric.TOOL_CALLS: _terms(Unit.COUNT, MetricTier.CRITICAL, "0.01", "tool_calls"),
        Metric.IMAGES: _terms(Unit.COUNT, MetricTier.CRITICAL, "0.04", "image_generations"),
        Metric.VOICE_MINUTES: _terms(Unit.MINUTES, MetricTier.CRITICAL, "0.006", "voice_minutes"),
        Metric.API_CALLS: _terms(Unit.COUNT, MetricTier.IMPORTANT, "0", "api_calls"),
        Metric.MEMORY_TOKENS: _terms(Unit.TOKENS, MetricTier.IMPORTANT, "0.0001", "memory_tokens"),
        Metric.VECTOR_OPS: _terms(
            Unit.COUNT, MetricTier.IMPORTANT, "0.001", "vector_ops", checked=False
        ),
        Metric.LEARNING: _terms(Unit.COUNT, MetricTier.IMPORTANT, "0.10", "learning_credits"),
        Metric.STORAGE_GB: _terms(Unit.GB, MetricTier.MONITOR, "0.10", "storage_gb", checked=False),
        Metric.SESSIONS: _terms(Unit.CONCURRENT, MetricTier.MONITOR, "0", "sessions"),
    }
)


def list_price(metric: Metric, amount: int) -> Decimal:
    """What a tenant is listed for an amount in base units, in USD, exactly (ten decimals suffice).

    The price of a sum is that of the summed amounts: add amounts first, price once.
    """
    terms = BUDGET_METRICS[metric]
    return terms.usd_per_unit * amount / terms.base_units


def list_price_micro_usd(metric: Metric, amount: int) -> int:
    """The list price in whole millionths of a USD, halves to the even one.

    Only voice and storage can have a fraction to round: at most half a millionth of a USD a call.
    """
    whole = _WHOLE_MICRO_USD.get(metric)
    if whole is not None:
        return whole * amount
    return int((list_price(metric, amount) / MICRO_USD).to_integral_value(ROUND_HALF_EVEN))


_WHOLE_MICRO_USD: Final[Mapping[Metric, int]] = MappingProxyType(
    {
        metric: int(terms.usd_per_unit / MICRO_USD)
        for metric, terms in BUDGET_METRICS.items()
        if terms.base_units == 1 and terms.usd_per_unit % MICRO_USD == 0
    }
)
"""Millionths of a USD for a base unit, of the metrics where that is a whole number."""
