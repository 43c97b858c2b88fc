"""A circuit breaker: after failures in a row it refuses calls, then lets one probe through."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from domain.kernel.resilience import BreakerTerms


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """A snapshot; every time `at` is in seconds of one clock that only grows.

    Closed, it counts failures in a row. Open, it refuses until `next_probe_at`; then it is half
    open, and the first caller that `allows` lets through is its probe. Who was let through before
    the breaker opened says nothing about now, so his outcome is passed over. A probe whose outcome
    never comes is given up after the same pause, and the next caller is the probe.
    """

    terms: BreakerTerms
    failures: int = 0
    next_probe_at: float | None = None
    probing: bool = False

    def state(self, at: float) -> BreakerState:
        """Where the breaker stands; asking changes nothing."""
        if self.next_probe_at is None:
            return BreakerState.CLOSED
        if self.probing or at >= self.next_probe_at:
            return BreakerState.HALF_OPEN
        return BreakerState.OPEN

    def admits(self, at: float) -> bool:
        """Whether `allows` would let a call through now; asking changes nothing."""
        return self.next_probe_at is None or at >= self.next_probe_at

    def allows(self, at: float) -> tuple[Self, bool]:
        """Ask to call, and take the probe's place where there is one to take."""
        if self.next_probe_at is None:
            return self, True
        if at < self.next_probe_at:
            return self, False
        return replace(self, probing=True, next_probe_at=at + self._pause), True

    def succeeded(self, _at: float) -> Self:
        """A call that was let through came back well: the probe's success closes the breaker."""
        if self.next_probe_at is not None and not self.probing:
            return self
        return replace(self, failures=0, next_probe_at=None, probing=False)

    def failed(self, at: float) -> Self:
        """A call that was let through failed: the last of a row, or the probe's, opens it."""
        if self.next_probe_at is not None and not self.probing:
            return self
        failures = self.failures + 1
        if self.probing or failures >= self.terms.failures:
            return replace(self, failures=failures, next_probe_at=at + self._pause, probing=False)
        return replace(self, failures=failures)

    @property
    def _pause(self) -> float:
        return self.terms.half_open_after.total_seconds()
