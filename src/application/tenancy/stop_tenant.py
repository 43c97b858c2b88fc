"""The kill switch of a tenant, and the way back."""

from dataclasses import dataclass
from typing import Final, final

from application.kernel.audit import Audit
from application.kernel.ports import CanonicalJson
from application.tenancy.ports import Tenants
from domain.authorization.errors import PermissionDeniedError
from domain.kernel.identifiers import RequestId
from domain.kernel.request_key import RequestKey
from domain.tenancy.tenant import (
    LONGEST_REASON,
    PLATFORM_TENANT_ID,
    Standing,
    Tenant,
    check_line,
)

METHOD: Final = "StopTenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTenantCommand:
    """`actor` is the subject of who asks; `standing` is ACTIVE for the way back."""

    actor: str
    slug: str
    reason: str
    request_id: RequestId
    standing: Standing = Standing.STOPPED


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StopTenant:
    """Refuse every call of a tenant from now on, within seconds on every server.

    Its open turns are ended by whoever asks for this, after it.
    """

    tenants: Tenants
    canonical: CanonicalJson
    audit: Audit

    async def __call__(self, command: StopTenantCommand) -> Tenant:
        """Give the tenant as it stands; one that stands so already stays as it is.

        Raises:
            InvalidArgumentError: The reason is no line of text.
            TenantNotFoundError: There is none.
            PermissionDeniedError: It is the platform's own.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        reason = check_line("reason", command.reason, LONGEST_REASON)
        tenant = await self.tenants.by_slug(command.slug)
        if tenant.id == PLATFORM_TENANT_ID:
            raise PermissionDeniedError(
                "operations:stop", "platform", "without the platform's tenant nobody could start it"
            )
        content = self.canonical.encode([command.slug, reason, command.standing.name])
        request = RequestKey.of(METHOD, command.request_id, command.actor, content)
        audit = self.audit.of(tenant.id, "operations:stop", command.actor, f"tenants/{tenant.slug}")
        return await self.tenants.stand(tenant.id, command.standing, reason, request, [audit])
