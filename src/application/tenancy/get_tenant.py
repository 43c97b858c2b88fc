"""Read a tenant by the name it has on the wire."""

from dataclasses import dataclass
from typing import final

from application.tenancy.ports import Tenants
from domain.tenancy.tenant import Tenant


@dataclass(frozen=True, slots=True)
class GetTenantQuery:
    slug: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GetTenant:
    tenants: Tenants

    async def __call__(self, query: GetTenantQuery) -> Tenant:
        """Read a tenant.

        Raises:
            TenantNotFoundError: There is none.
        """
        return await self.tenants.by_slug(query.slug)
