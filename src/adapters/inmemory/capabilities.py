"""Registered capabilities of this process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from adapters.inmemory.requests import InMemoryRequests
from domain.capability.capability import Capability
from domain.capability.errors import CapabilityAlreadyExistsError
from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey


@final
@dataclass(slots=True)
class InMemoryCapabilities:
    """A `Capabilities`."""

    kept: dict[tuple[TenantId, str], Capability] = field(
        default_factory=dict[tuple[TenantId, str], Capability]
    )
    requests: InMemoryRequests = field(default_factory=InMemoryRequests)

    async def register(
        self, tenant_id: TenantId, capability: Capability, request: RequestKey
    ) -> Capability:
        earlier = self.requests.earlier(tenant_id, request)
        if earlier is not None:
            return self.kept[tenant_id, earlier]
        if (tenant_id, capability.name) in self.kept:
            raise CapabilityAlreadyExistsError(capability.name)
        self.kept[tenant_id, capability.name] = capability
        self.requests.keep(tenant_id, request, capability.name)
        return capability

    async def all(self, tenant_id: TenantId) -> Sequence[Capability]:
        found = (one for (owner, _), one in self.kept.items() if owner == tenant_id)
        return sorted(found, key=lambda one: one.name)
