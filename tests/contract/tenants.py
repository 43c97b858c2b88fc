"""Tenants that no other test has."""

from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.tenancy import PostgresTenants
from adapters.system.identifiers import SystemIdentifiers
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.request_key import RequestKey
from domain.tenancy.plan import Plan
from domain.tenancy.tenant import Tenant
from tests.contract.postgres_kernel import encode
from tests.fakes import NOON

IDENTIFIERS: Final = SystemIdentifiers()


def new_tenant(*, plan: Plan = Plan.TEAM, slug: str = "") -> Tenant:
    tenant_id = TenantId(IDENTIFIERS.next())
    return Tenant(
        id=tenant_id,
        slug=slug or f"t{tenant_id.hex}",
        display_name="Acme",
        plan=plan,
        created_at=NOON,
    )


async def stored_tenant(database: Database) -> Tenant:
    tenant = new_tenant()
    wanted = RequestKey.of("CreateTenant", RequestId(str(IDENTIFIERS.next())), "ada", b"")
    await PostgresTenants(database, Outgoing(encode)).create(tenant, {}, wanted)
    return tenant
