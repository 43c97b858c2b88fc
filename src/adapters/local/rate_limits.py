"""Token buckets of this process, one a tenant."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, final

from application.kernel.ports import Clock
from domain.kernel.identifiers import TenantId

MOST_TENANTS: Final = 65_536
"""Buckets that are kept; a tenant whose bucket was dropped begins with a full one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTerms:
    """A tenant may make `capacity` calls at once, and `per_second` of them in the long run."""

    capacity: float = 200.0
    per_second: float = 100.0


@final
class LocalRateLimits:
    """A full bucket is a tenant that has not called for a while; each call takes one token.

    With N servers a tenant may call N times as often: the limit is against one caller that drowns
    the others, budgets are what a tenant may use.
    """

    def __init__(self, terms: RateTerms, clock: Clock) -> None:
        self._terms = terms
        self._clock = clock
        self._buckets: OrderedDict[TenantId, tuple[float, float]] = OrderedDict()

    async def take(self, tenant_id: TenantId) -> float:
        capacity, per_second = self._terms.capacity, self._terms.per_second
        now = self._clock.monotonic()
        level, since = self._buckets.get(tenant_id, (capacity, now))
        level = min(capacity, level + (now - since) * per_second)
        wait = 0.0 if level >= 1 else (1 - level) / per_second
        self._buckets[tenant_id] = (level if wait else level - 1, now)
        self._buckets.move_to_end(tenant_id)
        if len(self._buckets) > MOST_TENANTS:
            self._buckets.popitem(last=False)
        return wait
