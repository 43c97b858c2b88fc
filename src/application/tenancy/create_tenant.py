"""Make a tenant with the limits of its plan."""

from dataclasses import dataclass
from typing import Final, final

from application.kernel.audit import Audit
from application.kernel.ports import CanonicalJson, Clock, IdentifierSource
from application.tenancy.ports import Tenants
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.request_key import RequestKey
from domain.tenancy.plan import PLAN_LIMITS, Plan
from domain.tenancy.tenant import (
    LONGEST_DISPLAY_NAME,
    PLATFORM_SLUG,
    PLATFORM_TENANT_ID,
    Tenant,
    check_line,
    check_slug,
)

METHOD: Final = "CreateTenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenantCommand:
    """`actor` is the subject of who asks."""

    actor: str
    slug: str
    display_name: str
    plan: Plan
    request_id: RequestId
    validate_only: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenant:
    """Make a tenant, its standing limits and this month's balances, once per request id."""

    tenants: Tenants
    canonical: CanonicalJson
    clock: Clock
    identifiers: IdentifierSource
    audit: Audit

    async def __call__(self, command: CreateTenantCommand) -> Tenant:
        """Give the tenant.

        Raises:
            InvalidArgumentError: The slug or the display name cannot be one.
            TenantAlreadyExistsError: The slug is taken.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        tenant = Tenant(
            id=TenantId(self.identifiers.next()),
            slug=check_slug(command.slug),
            display_name=check_line(
                "tenant.display_name", command.display_name, LONGEST_DISPLAY_NAME
            ),
            plan=command.plan,
            created_at=self.clock.now(),
        )
        if command.validate_only:
            return tenant
        content = self.canonical.encode([tenant.slug, tenant.display_name, tenant.plan.value])
        request = RequestKey.of(METHOD, command.request_id, command.actor, content)
        audit = self.audit.of(
            PLATFORM_TENANT_ID, "tenancy:create_tenant", command.actor, f"tenants/{tenant.slug}"
        )
        return await self.tenants.create(tenant, PLAN_LIMITS[tenant.plan], request, [audit])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishPlatform:
    """Make the platform's own tenant, where it is missing; every server may do it at its start."""

    tenants: Tenants
    clock: Clock

    async def __call__(self) -> Tenant:
        tenant = Tenant(
            id=PLATFORM_TENANT_ID,
            slug=PLATFORM_SLUG,
            display_name="The platform itself",
            plan=Plan.ENTERPRISE,
            created_at=self.clock.now(),
        )
        request = RequestKey.of("EstablishPlatform", RequestId(PLATFORM_SLUG), PLATFORM_SLUG, b"")
        return await self.tenants.create(tenant, PLAN_LIMITS[tenant.plan], request)
