"""What the capability use cases need from the outside world."""

from collections.abc import Collection, Sequence
from typing import Protocol

from domain.capability.capability import Capability
from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey


class Capabilities(Protocol):
    """What tenants registered for themselves. Each call is one transaction."""

    async def register(
        self, tenant_id: TenantId, capability: Capability, request: RequestKey
    ) -> Capability:
        """Store a capability; the one stored under this request id before.

        Raises:
            CapabilityAlreadyExistsError: Its name is taken in this tenant.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def all(self, tenant_id: TenantId) -> Sequence[Capability]:
        """Every one of a tenant, by name."""
        ...


class ProviderHealth(Protocol):
    """A circuit breaker for each provider (or tool), by name, of this process."""

    def allows(self, name: str) -> bool:
        """Ask to call, now; half open, the first who asks is the probe."""
        ...

    def succeeded(self, name: str) -> None:
        """A call that was let through came back well."""
        ...

    def failed(self, name: str) -> None:
        """A call that was let through failed by the provider's fault."""
        ...

    def refusing(self) -> Collection[str]:
        """Who would not be let through now; asking changes nothing."""
        ...
