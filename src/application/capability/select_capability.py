"""Choose what serves a need, and explain a choice."""

from dataclasses import dataclass
from typing import Final, final

from application.authorization.authorize import Authorize, AuthorizeQuery
from application.capability.known_capabilities import KnownCapabilities
from application.capability.ports import ProviderHealth
from domain.capability.capability import Capability
from domain.capability.errors import NoCapabilityError
from domain.capability.selection import Need, Permit, Selection, select
from domain.kernel.identifiers import TenantId
from domain.kernel.principal import Principal

MODEL_USE: Final = "model:use"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectCapabilityQuery:
    """`tenant_id` is of the tenant whose capabilities are meant; None for the principal's own."""

    principal: Principal
    need: Need
    tenant_id: TenantId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SelectCapability:
    """Rank what the tenant has, the caller may use and whose provider is well."""

    known: KnownCapabilities
    authorize: Authorize
    health: ProviderHealth

    async def __call__(self, query: SelectCapabilityQuery) -> Selection:
        """Choose a capability and who follows if it fails.

        Raises:
            NoCapabilityError: Nothing is left; with the reason for each that fell out.
        """
        capabilities = await self.known(query.tenant_id or query.principal.tenant_id)
        permits = {
            capability.name: await self._permit(query.principal, capability)
            for capability in capabilities
        }
        return select(query.need, capabilities, permits, self.health.refusing())

    async def _permit(self, principal: Principal, capability: Capability) -> Permit:
        decision = await self.authorize.ask(
            AuthorizeQuery(
                principal=principal,
                permission=MODEL_USE,
                resource=f"capabilities/{capability.name}",
            )
        )
        return Permit(decision.allowed, decision.reason or decision.rule)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be chosen, None when nothing serves; why others fell out, by name and reason."""

    selection: Selection | None
    fell_out: tuple[tuple[str, str], ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSelection:
    """Say what a need would select now; it answers also where nothing serves."""

    select: SelectCapability

    async def __call__(self, query: SelectCapabilityQuery) -> Explanation:
        try:
            selection = await self.select(query)
        except NoCapabilityError as refusal:
            return Explanation(None, refusal.fell_out)
        fell_out = tuple((one.capability.name, one.reason.value) for one in selection.fell_out)
        return Explanation(selection, fell_out)
