"""Let a tenant choose from one more capability."""

from dataclasses import dataclass
from typing import Final, final

from application.capability.known_capabilities import KnownCapabilities
from application.capability.ports import Capabilities
from application.kernel.ports import CanonicalJson
from domain.capability.capability import Capability
from domain.capability.errors import CapabilityInvalidError
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "RegisterCapability"

MOST_REGISTERED: Final = 500
"""Capabilities of one tenant: each is looked at in every selection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCapabilityCommand:
    principal: Principal
    tenant_id: TenantId
    capability: Capability
    request_id: RequestId
    validate_only: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCapability:
    """Store a capability of a provider that is configured on this server."""

    capabilities: Capabilities
    known: KnownCapabilities
    providers: frozenset[str]
    canonical: CanonicalJson

    async def __call__(self, command: RegisterCapabilityCommand) -> Capability:
        """Give the capability as it is stored.

        Raises:
            CapabilityInvalidError: Its provider is not configured here, or the tenant has too many.
            CapabilityAlreadyExistsError: Its name is taken in this tenant.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        capability = command.capability
        if capability.provider not in self.providers:
            raise CapabilityInvalidError(
                capability.name, f"no provider {capability.provider!r} is configured here"
            )
        registered = await self.capabilities.all(command.tenant_id)
        if len(registered) >= MOST_REGISTERED:
            raise CapabilityInvalidError(capability.name, "the tenant has as many as it may have")
        if command.validate_only:
            return capability
        request = RequestKey.of(
            METHOD, command.request_id, command.principal.subject, self._content(capability)
        )
        stored = await self.capabilities.register(command.tenant_id, capability, request)
        self.known.registered.forget(command.tenant_id)
        return stored

    def _content(self, capability: Capability) -> bytes:
        price = capability.price
        return self.canonical.encode(
            {
                "name": capability.name,
                "modality": capability.modality.value,
                "provider": capability.provider,
                "model": capability.model,
                "model_tier": capability.model_tier.value,
                "cost_tier": capability.cost_tier.value,
                "context_window": capability.context_window,
                "price": [str(price.input), str(price.cached), str(price.output)],
                "tool_calling": capability.tool_calling.value,
                "priority": capability.priority,
                "enabled": capability.enabled,
                "local": capability.local,
                "supports_logprobs": capability.supports_logprobs,
            }
        )
