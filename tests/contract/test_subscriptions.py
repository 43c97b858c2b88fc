"""What decides about a tenant's features, against every adapter of the port."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.tenancy import InMemorySubscriptions, InMemoryTenancy, InMemoryTenants
from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.subscriptions import PostgresSubscriptions
from adapters.postgres.tables.tenancy import tenant_profiles
from adapters.postgres.tenancy import PostgresTenants
from adapters.system.identifiers import SystemIdentifiers
from application.tenancy.ports import Subscriptions, Tenants
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.request_key import RequestKey
from domain.tenancy.errors import TenantNotFoundError
from domain.tenancy.feature import Feature, Subscription
from domain.tenancy.plan import Plan
from tests.contract.postgres_kernel import encode
from tests.contract.tenants import new_tenant

IDENTIFIERS = SystemIdentifiers()


@dataclass(frozen=True, slots=True)
class Place:
    """A store of tenants; `switch` turns learning on and tools off, past every port."""

    tenants: Tenants
    subscriptions: Subscriptions
    switch: Callable[[TenantId], Awaitable[None]]


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "inmemory":
        kept = InMemoryTenancy()

        async def note(tenant_id: TenantId) -> None:
            kept.toggles[tenant_id] = {Feature.LEARNING: True, Feature.TOOLS: False}

        return Place(InMemoryTenants(kept, InMemoryStore()), InMemorySubscriptions(kept), note)
    database: Database = request.getfixturevalue("database")

    async def write(tenant_id: TenantId) -> None:
        async with database.tenant(tenant_id) as connection:
            await connection.execute(
                sa.update(tenant_profiles)
                .where(tenant_profiles.c.tenant_id == tenant_id)
                .values(switched_on=["learning", "of another release"], switched_off=["tools"])
            )

    return Place(
        PostgresTenants(database, Outgoing(encode)), PostgresSubscriptions(database=database), write
    )


async def a_tenant(place: Place, plan: Plan) -> TenantId:
    made = new_tenant(plan=plan)
    request = RequestKey.of("Create", RequestId(str(made.id)), "ada", b"")
    return (await place.tenants.create(made, {}, request)).id


@pytest.mark.parametrize("plan", Plan)
async def test_a_new_tenant_has_its_plan_and_switched_nothing(place: Place, plan: Plan) -> None:
    tenant_id = await a_tenant(place, plan)

    assert await place.subscriptions.subscription(tenant_id) == Subscription(plan)


async def test_what_was_switched_is_told(place: Place) -> None:
    tenant_id = await a_tenant(place, Plan.STARTER)

    await place.switch(tenant_id)

    assert await place.subscriptions.subscription(tenant_id) == Subscription(
        Plan.STARTER, {Feature.LEARNING: True, Feature.TOOLS: False}
    )


async def test_nobody_subscribed_as_a_tenant_that_is_not_there(place: Place) -> None:
    with pytest.raises(TenantNotFoundError):
        await place.subscriptions.subscription(TenantId(IDENTIFIERS.next()))
