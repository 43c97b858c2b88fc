"""What every store of tenants and keys must honour."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.inmemory.budgets import InMemoryBudgets
from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.tenancy import InMemoryApiKeys, InMemoryTenancy, InMemoryTenants
from adapters.postgres.api_keys import PostgresApiKeys
from adapters.postgres.budget import PostgresBudgets
from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.tenancy import PostgresCredentials, PostgresTenants
from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.budget.ports import Budgets
from application.identity.ports import Credentials, KeyHolder
from application.tenancy.ports import ApiKeys, Tenants
from domain.kernel.errors import EtagMismatchError, IdempotencyKeyReusedError
from domain.kernel.identifiers import AccountId, KeyId, RequestId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from domain.tenancy.api_key import ApiKey, digest_of
from domain.tenancy.errors import KeyNotFoundError, TenantAlreadyExistsError, TenantNotFoundError
from domain.tenancy.plan import PLAN_LIMITS, Plan
from domain.tenancy.tenant import Standing, Tenant
from tests.contract.postgres_kernel import encode
from tests.contract.tenants import new_tenant
from tests.fakes import NOON

IDENTIFIERS = SystemIdentifiers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """The ports that a tenant's life goes through."""

    tenants: Tenants
    keys: ApiKeys
    credentials: Credentials
    budgets: Budgets


@pytest.fixture(params=["inmemory", "postgres"])
def tenancy(request: pytest.FixtureRequest) -> Tenancy:
    if request.param == "inmemory":
        kept, store = InMemoryTenancy(), InMemoryStore()
        return Tenancy(
            tenants=InMemoryTenants(kept, store),
            keys=InMemoryApiKeys(kept, store),
            credentials=kept,
            budgets=InMemoryBudgets(store=store, clock=SystemClock()),
        )
    database: Database = request.getfixturevalue("database")
    outgoing = Outgoing(encode)
    return Tenancy(
        tenants=PostgresTenants(database, outgoing),
        keys=PostgresApiKeys(database, outgoing),
        credentials=PostgresCredentials(database),
        budgets=PostgresBudgets(database, outgoing),
    )


def key_of(owner: Tenant) -> ApiKey:
    key_id = KeyId(IDENTIFIERS.next())
    return ApiKey(
        id=key_id,
        tenant_id=owner.id,
        subject=f"keys/{key_id}",
        display_name="laptop",
        roles=frozenset({"member", "developer"}),
        scopes=frozenset({"conversation:*"}),
        digest=digest_of("secret"),
        creator="ada",
        created_at=NOON,
        expires_at=NOON + timedelta(days=1),
    )


def asked(
    method: str = "Create", content: bytes = b"", request_id: UUID | None = None
) -> RequestKey:
    number = RequestId(str(request_id or IDENTIFIERS.next()))
    return RequestKey.of(method, number, "ada", content)


def limits_of(plan: Plan) -> Mapping[Metric, int | None]:
    return PLAN_LIMITS[plan]


async def opened(tenancy: Tenancy, plan: Plan = Plan.TEAM) -> Tenant:
    return await tenancy.tenants.create(new_tenant(plan=plan), limits_of(plan), asked())


async def test_a_new_tenant_is_found_by_its_slug(tenancy: Tenancy) -> None:
    made = await opened(tenancy)

    assert await tenancy.tenants.by_slug(made.slug) == made
    assert await tenancy.credentials.tenant(made.slug) == made


@pytest.mark.parametrize("plan", list(Plan))
async def test_a_new_tenant_has_every_limit_of_its_plan_and_accounts(
    tenancy: Tenancy, plan: Plan
) -> None:
    made = await opened(tenancy, plan)

    limits = await tenancy.budgets.limits(made.id)
    usage = await tenancy.budgets.usage(made.id, AccountId(made.id), None)

    assert {limit.metric: limit.amount for limit in limits} == dict(limits_of(plan))
    assert {one.metric: one.balance.limit for one in usage} == dict(limits_of(plan))


async def test_nothing_is_found_under_an_unknown_slug(tenancy: Tenancy) -> None:
    with pytest.raises(TenantNotFoundError):
        await tenancy.tenants.by_slug("nobody-of-this-name")
    assert await tenancy.credentials.tenant("nobody\0") is None


async def test_a_repeated_creation_gives_the_first_tenant(tenancy: Tenancy) -> None:
    first, request = new_tenant(), asked()

    made = await tenancy.tenants.create(first, limits_of(first.plan), request)
    again = await tenancy.tenants.create(
        replace(new_tenant(), slug=first.slug), limits_of(first.plan), request
    )

    assert again == made == first


async def test_a_request_id_makes_one_tenant_only(tenancy: Tenancy) -> None:
    request_id = IDENTIFIERS.next()
    await tenancy.tenants.create(new_tenant(), {}, asked(content=b"one", request_id=request_id))

    other = new_tenant()
    with pytest.raises(IdempotencyKeyReusedError):
        await tenancy.tenants.create(other, {}, asked(content=b"two", request_id=request_id))
    with pytest.raises(TenantNotFoundError):
        await tenancy.tenants.by_slug(other.slug)


async def test_a_slug_belongs_to_one_tenant(tenancy: Tenancy) -> None:
    made = await opened(tenancy)

    with pytest.raises(TenantAlreadyExistsError):
        await tenancy.tenants.create(new_tenant(slug=made.slug), {}, asked())
    assert await tenancy.tenants.by_slug(made.slug) == made


async def test_of_many_who_ask_at_once_one_makes_the_tenant(tenancy: Tenancy) -> None:
    request, slug = asked(), f"t{IDENTIFIERS.next().hex}"

    made = await asyncio.gather(
        *(tenancy.tenants.create(new_tenant(slug=slug), {}, request) for _ in range(6))
    )

    assert len({one.id for one in made}) == 1


async def test_of_many_contents_under_one_request_id_one_is_taken(tenancy: Tenancy) -> None:
    request_id = IDENTIFIERS.next()

    answers = await asyncio.gather(
        *(
            tenancy.tenants.create(
                new_tenant(), {}, asked(content=str(number).encode(), request_id=request_id)
            )
            for number in range(6)
        ),
        return_exceptions=True,
    )

    made = [one for one in answers if isinstance(one, Tenant)]
    refused = [one for one in answers if isinstance(one, IdempotencyKeyReusedError)]
    assert (len(made), len(refused)) == (1, 5)


async def test_a_stopped_tenant_says_why_and_can_come_back(tenancy: Tenancy) -> None:
    made = await opened(tenancy)

    await tenancy.tenants.stand(made.id, Standing.STOPPED, "leaked key", asked("Stop"))
    stopped = await tenancy.tenants.by_slug(made.slug)
    back = await tenancy.tenants.stand(made.id, Standing.ACTIVE, "found it", asked("Stop"))

    assert (stopped.standing, stopped.standing_reason) == (Standing.STOPPED, "leaked key")
    assert (back.standing, back.version) == (Standing.ACTIVE, 3)


async def test_stopping_twice_keeps_the_first_reason(tenancy: Tenancy) -> None:
    made = await opened(tenancy)

    first = await tenancy.tenants.stand(made.id, Standing.STOPPED, "first", asked("Stop"))
    second = await tenancy.tenants.stand(made.id, Standing.STOPPED, "second", asked("Stop"))

    assert second == first


async def test_a_repeated_stop_does_not_undo_what_came_after(tenancy: Tenancy) -> None:
    made, request = await opened(tenancy), asked("Stop")
    await tenancy.tenants.stand(made.id, Standing.STOPPED, "leaked key", request)
    await tenancy.tenants.stand(made.id, Standing.ACTIVE, "found it", asked("Stop"))

    late = await tenancy.tenants.stand(made.id, Standing.STOPPED, "leaked key", request)

    assert late.standing is Standing.ACTIVE


async def test_a_tenant_that_is_not_there_cannot_be_stopped(tenancy: Tenancy) -> None:
    with pytest.raises(TenantNotFoundError):
        await tenancy.tenants.stand(new_tenant().id, Standing.STOPPED, "why", asked("Stop"))


async def test_a_key_is_found_with_its_tenant(tenancy: Tenancy) -> None:
    owner = await opened(tenancy)
    key = await tenancy.keys.create(key_of(owner), asked())

    assert await tenancy.credentials.holder(key.id) == KeyHolder(key, owner)


async def test_an_unknown_key_is_nobodys(tenancy: Tenancy) -> None:
    assert await tenancy.credentials.holder(KeyId(IDENTIFIERS.next())) is None


async def test_a_request_id_makes_one_key(tenancy: Tenancy) -> None:
    owner, request = await opened(tenancy), asked()
    first, second = key_of(owner), key_of(owner)

    made = await asyncio.gather(
        tenancy.keys.create(first, request), tenancy.keys.create(second, request)
    )

    assert made[0] == made[1]
    assert made[0] in (first, second)


async def test_a_revoked_key_stays_revoked(tenancy: Tenancy) -> None:
    owner = await opened(tenancy)
    key = await tenancy.keys.create(key_of(owner), asked())

    first = await tenancy.keys.revoke(owner.id, key.id, etag="1", at=NOON, request=asked())
    later = NOON + timedelta(hours=1)
    second = await tenancy.keys.revoke(owner.id, key.id, etag="", at=later, request=asked())

    assert (first.revoked_at, first.version) == (NOON, 2)
    assert second == first
    assert await tenancy.credentials.holder(key.id) == KeyHolder(first, owner)


async def test_revoking_with_an_old_etag_is_refused(tenancy: Tenancy) -> None:
    owner = await opened(tenancy)
    key = await tenancy.keys.create(key_of(owner), asked())

    with pytest.raises(EtagMismatchError):
        await tenancy.keys.revoke(owner.id, key.id, etag="7", at=NOON, request=asked())
    assert await tenancy.credentials.holder(key.id) == KeyHolder(key, owner)


async def test_another_tenants_key_cannot_be_revoked(tenancy: Tenancy) -> None:
    owner, stranger = await opened(tenancy), await opened(tenancy)
    key = await tenancy.keys.create(key_of(owner), asked())

    with pytest.raises(KeyNotFoundError):
        await tenancy.keys.revoke(stranger.id, key.id, etag="", at=NOON, request=asked())
    assert await tenancy.credentials.holder(key.id) == KeyHolder(key, owner)
