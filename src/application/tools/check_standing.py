"""Look again at what let a call be made, when it is about to start some time later."""

from dataclasses import dataclass
from typing import final

from application.capsule.load_capsule import LoadCapsule, LoadCapsuleQuery
from application.identity.ports import Credentials
from application.tenancy.read_subscription import ReadSubscription
from application.tools.call_terms import CallTerms
from application.tools.egress import check_egress
from domain.capsule.errors import CapsuleNotFoundError
from domain.identity.errors import TenantSuspendedError
from domain.tenancy.errors import TenantNotFoundError
from domain.tenancy.feature import Feature
from domain.tenancy.tenant import Standing
from domain.tools.errors import ToolNotFoundError
from domain.tools.invocation import Invocation
from domain.tools.tool import Tool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStanding:
    """The tenant, its tools, the capsule version that the call was made under, and its egress.

    What was changed elsewhere is seen as late as the parts see it: within seconds.
    """

    load_capsule: LoadCapsule
    subscription: ReadSubscription
    credentials: Credentials

    async def __call__(self, call: Invocation, slug: str, tool: Tool | None) -> CallTerms:
        """Give the rules that the call starts under. `tool` is None where this server has it not.

        Raises:
            TenantNotFoundError: The tenant is gone.
            TenantSuspendedError: The tenant is suspended or was stopped.
            FeatureDisabledError: The tenant has no tools any more.
            CapsuleNotFoundError: The capsule is not known: the call is older than revision 0004 of
                the schema, which keeps it.
            CapsuleRevokedError: The capsule was withdrawn.
            CapsuleSignatureInvalidError: Its author's key is trusted no more, or it was changed.
            ConstitutionUnavailableError: It asks for a constitution.
            ToolNotFoundError: The capsule does not allow the tool.
            ToolEgressDeniedError: The capsule lets nothing out, and the tool is somewhere else.
        """
        tenant = await self.credentials.tenant(slug)
        if tenant is None:
            raise TenantNotFoundError(slug)
        if tenant.standing is not Standing.ACTIVE:
            raise TenantSuspendedError(slug, tenant.standing.name.lower())
        (await self.subscription(call.tenant_id)).check(Feature.TOOLS)
        if call.capsule_version_id is None:
            raise CapsuleNotFoundError(f"of invocation {call.id}")
        terms = CallTerms.of(
            await self.load_capsule(
                LoadCapsuleQuery(tenant_id=call.tenant_id, capsule=call.capsule_version_id)
            )
        )
        if not terms.allows(call.tool):
            raise ToolNotFoundError(call.tool, ())
        if tool is not None:
            check_egress(terms.egress, tool)
        return terms
