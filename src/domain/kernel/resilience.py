"""How long we wait, how often we try, and what goes on when a dependency is down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.kernel.rank import Rank

TURN_DEADLINE: Final = timedelta(seconds=300)
"""The longest a turn may take, whatever its client asks for."""

IDEMPOTENCY_RETENTION: Final = timedelta(hours=24)
"""How long at least a request id of a mutation other than a turn is remembered."""


def turn_seconds(asked: float | None, longest: float) -> float:
    """How long a turn may take: as long as its client gives it, within bounds; never negative."""
    return longest if asked is None else max(0.0, min(asked, longest))


class Guarded(StrEnum):
    """What a circuit breaker stands before."""

    MEMORY = "memory"
    TOOL = "tool"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerTerms:
    """A breaker opens after so many failures in a row, and lets one probe through later."""

    failures: int
    half_open_after: timedelta


BREAKERS: Final[Mapping[Guarded, BreakerTerms]] = MappingProxyType(
    {
        Guarded.MEMORY: BreakerTerms(failures=3, half_open_after=timedelta(seconds=15)),
        Guarded.TOOL: BreakerTerms(failures=5, half_open_after=timedelta(seconds=30)),
        Guarded.PROVIDER: BreakerTerms(failures=5, half_open_after=timedelta(seconds=60)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryTerms:
    """Retries of idempotent calls: exponential from `first`, later by up to half for jitter."""

    retries: int
    first: timedelta

    def delay(self, retry: int, fraction: float) -> timedelta:
        """How long to wait before a retry.

        Args:
            retry: Which one, from 1.
            fraction: A random number in [0, 1), which spreads the callers.
        """
        return self.first * (1 << (retry - 1)) * (1 + fraction / 2)


MEMORY_RETRIES: Final = RetryTerms(retries=2, first=timedelta(milliseconds=150))


class Degradation(Rank):
    """How far the service is from its best."""

    NONE = "none"
    MINOR = "minor"
    MODERATE = "moderate"
    SEVERE = "severe"
    CRITICAL = "critical"


class Dependency(StrEnum):
    """What a turn leans on."""

    DATABASE = "database"
    MODELS = "models"
    CACHE = "cache"
    PERMISSION_SERVICE = "permission_service"
    POLICY_ENGINE = "policy_engine"
    MEMORY = "memory"
    EVENT_BROKER = "event_broker"
    BILLING = "billing"


class WhenDown(StrEnum):
    """What a turn does while a dependency is down."""

    REFUSE = "refuse"
    """UNAVAILABLE at once, nothing half-written."""
    FAIL_TURN = "fail_turn"
    """The turn fails, its reservation is released."""
    DEGRADE = "degrade"
    """It goes on, marked degraded, on what is local to the process or with nothing."""
    FALL_BACK_OR_DENY = "fall_back_or_deny"
    """A decision cached and fresh, else the declared fallback rules, else denied."""
    CACHED_OR_DENY = "cached_or_deny"
    """A decision cached and fresh, else denied."""
    DEGRADE_AND_QUEUE = "degrade_and_queue"
    """Reads are empty and marked degraded; writes are queued and replayed."""
    QUEUE = "queue"
    """What was to go out waits, in order, none lost."""
    QUEUE_OR_DEAD_LETTER = "queue_or_dead_letter"
    """What was to go out waits; after the retries it is a dead letter, for replay."""


WHEN_DOWN: Final[Mapping[Dependency, WhenDown]] = MappingProxyType(
    {
        Dependency.DATABASE: WhenDown.REFUSE,
        Dependency.MODELS: WhenDown.FAIL_TURN,
        Dependency.CACHE: WhenDown.DEGRADE,
        Dependency.PERMISSION_SERVICE: WhenDown.FALL_BACK_OR_DENY,
        Dependency.POLICY_ENGINE: WhenDown.CACHED_OR_DENY,
        Dependency.MEMORY: WhenDown.DEGRADE_AND_QUEUE,
        Dependency.EVENT_BROKER: WhenDown.QUEUE,
        Dependency.BILLING: WhenDown.QUEUE_OR_DEAD_LETTER,
    }
)
