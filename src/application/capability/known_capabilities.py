"""The capabilities that a tenant can choose from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, final

from application.capability.ports import Capabilities
from application.kernel.ports import Clock
from application.kernel.timed_cache import TimedCache
from domain.capability.capability import Capability
from domain.kernel.identifiers import TenantId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCapabilities:
    """Those of the server's own configuration, and those that the tenant registered.

    A tenant's own hides the server's of the same name. How old an entry of `registered` may be is
    how long a registration elsewhere goes unseen.
    """

    configured: tuple[Capability, ...]
    capabilities: Capabilities
    registered: TimedCache[TenantId, Sequence[Capability]]

    @classmethod
    def within(
        cls,
        clock: Clock,
        configured: Iterable[Capability],
        capabilities: Capabilities,
        *,
        seconds: float = 5.0,
        capacity: int = 4096,
    ) -> Self:
        """With an empty cache of these bounds."""
        return cls(
            configured=tuple(sorted(configured, key=lambda one: one.name)),
            capabilities=capabilities,
            registered=TimedCache(clock, seconds=seconds, capacity=capacity),
        )

    async def __call__(self, tenant_id: TenantId) -> Sequence[Capability]:
        """All of a tenant, by name."""
        own = await self.registered.get(tenant_id, lambda: self.capabilities.all(tenant_id))
        if not own:
            return self.configured
        taken = {capability.name for capability in own}
        rest = (one for one in self.configured if one.name not in taken)
        return sorted((*own, *rest), key=lambda one: one.name)
