"""What decides about a tenant's features, as it was lately."""

from dataclasses import dataclass
from typing import Final, Self, final

from application.kernel.ports import Clock
from application.kernel.timed_cache import TimedCache
from application.tenancy.ports import Subscriptions
from domain.kernel.identifiers import TenantId
from domain.tenancy.feature import Subscription

SECONDS: Final = 5.0
"""A change takes effect everywhere within so long."""

CAPACITY: Final = 4096


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSubscription:
    """A tenant's plan and toggles, at most `SECONDS` old."""

    subscriptions: Subscriptions
    known: TimedCache[TenantId, Subscription]

    @classmethod
    def within(cls, clock: Clock, subscriptions: Subscriptions) -> Self:
        known = TimedCache[TenantId, Subscription](clock, seconds=SECONDS, capacity=CAPACITY)
        return cls(subscriptions=subscriptions, known=known)

    async def __call__(self, tenant_id: TenantId) -> Subscription:
        """Raises: TenantNotFoundError: There is no such tenant."""
        return await self.known.get(tenant_id, lambda: self.subscriptions.subscription(tenant_id))
