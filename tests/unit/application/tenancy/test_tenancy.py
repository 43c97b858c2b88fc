"""Tenants and their keys, from the wish to the answer."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.inmemory.durable_clock import InMemoryClock
from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.tenancy import InMemoryApiKeys, InMemoryTenancy, InMemoryTenants
from adapters.local.secret_source import SystemSecretSource
from application.kernel.audit import Audit
from application.tenancy.create_api_key import CreateApiKey, CreateApiKeyCommand
from application.tenancy.create_tenant import (
    CreateTenant,
    CreateTenantCommand,
    EstablishPlatform,
)
from application.tenancy.get_tenant import GetTenant, GetTenantQuery
from application.tenancy.revoke_api_key import RevokeApiKey, RevokeApiKeyCommand
from application.tenancy.stop_tenant import StopTenant, StopTenantCommand
from domain.authorization.errors import PermissionDeniedError
from domain.kernel.errors import IdempotencyKeyReusedError, InvalidArgumentError
from domain.kernel.identifiers import RequestId
from domain.tenancy.api_key import digest_of, key_id_of
from domain.tenancy.errors import TenantNotFoundError
from domain.tenancy.plan import PLAN_LIMITS, Plan
from domain.tenancy.tenant import PLATFORM_TENANT_ID, Standing
from tests.builders import TENANT, principal
from tests.fakes import NOON, CountingIdentifiers, StoppedClock

MAKE = CreateTenantCommand(
    actor="root",
    slug="acme",
    display_name="Acme",
    plan=Plan.TEAM,
    request_id=RequestId("11111111-1111-7111-8111-111111111111"),
)
KEY = CreateApiKeyCommand(
    principal=principal(roles=("administrator",)),
    tenant_id=TENANT,
    tenant="acme",
    display_name="laptop",
    roles=frozenset({"member"}),
    scopes=frozenset({"conversation:*"}),
    request_id=RequestId("22222222-2222-7222-8222-222222222222"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The use cases over one store."""

    kept: InMemoryTenancy
    store: InMemoryStore
    create_tenant: CreateTenant
    establish_platform: EstablishPlatform
    get_tenant: GetTenant
    stop_tenant: StopTenant
    create_api_key: CreateApiKey
    revoke_api_key: RevokeApiKey


@pytest.fixture
def house() -> House:
    kept, store, clock, canonical = (
        InMemoryTenancy(),
        InMemoryStore(),
        StoppedClock(),
        Rfc8785Json(),
    )
    tenants, keys, identifiers = (
        InMemoryTenants(kept, store),
        InMemoryApiKeys(kept, store),
        CountingIdentifiers(),
    )
    audit = Audit(clock=clock, identifiers=identifiers)
    return House(
        kept=kept,
        store=store,
        create_tenant=CreateTenant(
            tenants=tenants,
            canonical=canonical,
            clock=clock,
            identifiers=identifiers,
            audit=audit,
        ),
        establish_platform=EstablishPlatform(tenants=tenants, clock=clock),
        get_tenant=GetTenant(tenants=tenants),
        stop_tenant=StopTenant(tenants=tenants, canonical=canonical, audit=audit),
        create_api_key=CreateApiKey(
            keys=keys,
            secrets=SystemSecretSource(),
            canonical=canonical,
            clock=InMemoryClock(clock),
            identifiers=identifiers,
            audit=audit,
        ),
        revoke_api_key=RevokeApiKey(keys=keys, canonical=canonical, clock=clock, audit=audit),
    )


class TestCreateTenant:
    async def test_gives_the_limits_of_the_plan(self, house: House) -> None:
        tenant = await house.create_tenant(MAKE)

        limits = {metric: amount for (_, _, metric), amount in house.store.limits.items()}
        assert limits == dict(PLAN_LIMITS[Plan.TEAM])
        assert await house.get_tenant(GetTenantQuery("acme")) == tenant

    async def test_answers_a_repetition_as_before(self, house: House) -> None:
        assert await house.create_tenant(MAKE) == await house.create_tenant(MAKE)

    async def test_refuses_the_same_request_id_for_something_else(self, house: House) -> None:
        await house.create_tenant(MAKE)

        with pytest.raises(IdempotencyKeyReusedError):
            await house.create_tenant(replace(MAKE, plan=Plan.FREE))

    async def test_does_not_answer_one_actor_with_anothers_result(self, house: House) -> None:
        await house.create_tenant(MAKE)

        with pytest.raises(IdempotencyKeyReusedError):
            await house.create_tenant(replace(MAKE, actor="mallory"))

    async def test_only_checks_when_asked_to(self, house: House) -> None:
        await house.create_tenant(replace(MAKE, validate_only=True))

        with pytest.raises(TenantNotFoundError):
            await house.get_tenant(GetTenantQuery("acme"))

    @pytest.mark.parametrize("slug", ["platform", "Acme", ""])
    async def test_refuses_a_slug_that_cannot_be_one(self, house: House, slug: str) -> None:
        with pytest.raises(InvalidArgumentError):
            await house.create_tenant(replace(MAKE, slug=slug))


class TestEstablishPlatform:
    async def test_may_be_done_by_every_server(self, house: House) -> None:
        first = await house.establish_platform()

        assert await house.establish_platform() == first
        assert (first.id, first.slug) == (PLATFORM_TENANT_ID, "platform")


class TestStopTenant:
    async def test_stops_and_says_why(self, house: House) -> None:
        await house.create_tenant(MAKE)

        stopped = await house.stop_tenant(
            StopTenantCommand(
                actor="root", slug="acme", reason="leaked key", request_id=KEY.request_id
            )
        )

        assert (stopped.standing, stopped.standing_reason) == (Standing.STOPPED, "leaked key")

    async def test_does_not_stop_the_platform(self, house: House) -> None:
        await house.establish_platform()

        with pytest.raises(PermissionDeniedError):
            await house.stop_tenant(
                StopTenantCommand(
                    actor="root", slug="platform", reason="why", request_id=KEY.request_id
                )
            )

    async def test_wants_a_reason(self, house: House) -> None:
        with pytest.raises(InvalidArgumentError):
            await house.stop_tenant(
                StopTenantCommand(actor="root", slug="acme", reason="", request_id=KEY.request_id)
            )


class TestCreateApiKey:
    async def test_gives_a_secret_that_names_and_opens_the_key(self, house: House) -> None:
        created = await house.create_api_key(KEY)

        assert key_id_of(created.secret) == created.key.id
        assert created.key.digest == digest_of(created.secret)
        assert created.key.subject == f"keys/{created.key.id}"
        assert created.key.creator == "ada"

    async def test_gives_the_secret_once(self, house: House) -> None:
        first = await house.create_api_key(KEY)
        again = await house.create_api_key(KEY)

        assert (again.key, again.secret) == (first.key, "")

    async def test_never_shows_the_secret_in_its_own_text(self, house: House) -> None:
        created = await house.create_api_key(KEY)

        assert created.secret not in repr(created)

    async def test_gives_nobody_more_than_its_maker_has(self, house: House) -> None:
        narrowed = principal(roles=("administrator",), scopes=("tenancy:*", "conversation:read"))

        with pytest.raises(PermissionDeniedError):
            await house.create_api_key(replace(KEY, principal=narrowed))
        with pytest.raises(PermissionDeniedError):
            await house.create_api_key(replace(KEY, principal=principal(roles=("auditor",))))
        assert house.kept.keys == {}

    @pytest.mark.parametrize(
        "faulty",
        [
            replace(KEY, roles=frozenset[str]()),
            replace(KEY, roles=frozenset({"operator"})),
            replace(KEY, scopes=frozenset({"conversation:sing"})),
            replace(KEY, display_name="a\nb"),
            replace(KEY, expires_at=NOON),
        ],
    )
    async def test_refuses_what_no_key_can_have(
        self, house: House, faulty: CreateApiKeyCommand
    ) -> None:
        with pytest.raises(InvalidArgumentError):
            await house.create_api_key(faulty)

    async def test_knows_a_repetition_by_its_content(self, house: House) -> None:
        await house.create_api_key(KEY)

        with pytest.raises(IdempotencyKeyReusedError):
            await house.create_api_key(replace(KEY, expires_at=NOON + timedelta(days=1)))


class TestRevokeApiKey:
    async def test_ends_the_key(self, house: House) -> None:
        created = await house.create_api_key(KEY)

        revoked = await house.revoke_api_key(
            RevokeApiKeyCommand(
                principal=KEY.principal,
                tenant_id=TENANT,
                tenant="acme",
                key_id=created.key.id,
                etag=created.key.etag,
                request_id=KEY.request_id,
            )
        )

        assert revoked.revoked_at == NOON
        assert house.kept.keys[created.key.id] == revoked
