"""Credentials become principals, or are refused."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.inmemory.durable_clock import InMemoryClock
from adapters.inmemory.tenancy import InMemoryTenancy
from adapters.local.rate_limits import LocalRateLimits, RateTerms
from application.identity.authenticate import Authenticate, AuthenticateQuery, KnownCredentials
from application.identity.ports import KeyHolder, VerifiedToken
from domain.identity.errors import (
    CredentialExpiredError,
    CredentialRefusedError,
    RateExceededError,
    TenantSuspendedError,
)
from domain.kernel.identifiers import KeyId
from domain.kernel.principal import Principal
from domain.tenancy.api_key import ApiKey, digest_of, secret_of
from domain.tenancy.plan import Plan
from domain.tenancy.tenant import Standing, Tenant
from tests.builders import TENANT
from tests.fakes import NOON, StoppedClock, WrongClock

KEY_ID = KeyId(UUID("01946f00-0000-7000-8000-000000000011"))
SECRET = secret_of(KEY_ID, "A" * 43)


@dataclass(slots=True)
class KnownTokens:
    """Verifies tokens by having been told of them."""

    tokens: dict[str, VerifiedToken] = field(default_factory=dict[str, VerifiedToken])
    asked: int = 0

    async def verify(self, token: str) -> VerifiedToken:
        self.asked += 1
        if token not in self.tokens:
            raise CredentialRefusedError
        return self.tokens[token]


@dataclass(frozen=True, slots=True)
class Scene:
    """One tenant with one key, and a token of its issuer; the server's own clock is wrong."""

    clock: StoppedClock
    tenancy: InMemoryTenancy
    tokens: KnownTokens
    authenticate: Authenticate

    async def show(self, *, bearer: str = "", key: str = "") -> Principal:
        header = f"Bearer {bearer}" if bearer else ""
        return await self.authenticate(AuthenticateQuery(authorization=header, api_key=key))


@pytest.fixture
def scene() -> Scene:
    clock, tenancy, tokens = StoppedClock(), InMemoryTenancy(), KnownTokens()
    tenancy.tenants[TENANT] = Tenant(
        id=TENANT, slug="acme", display_name="Acme", plan=Plan.TEAM, created_at=NOON
    )
    tenancy.keys[KEY_ID] = ApiKey(
        id=KEY_ID,
        tenant_id=TENANT,
        subject="robot",
        display_name="robot",
        roles=frozenset({"service"}),
        scopes=frozenset({"conversation:*"}),
        digest=digest_of(SECRET),
        creator="ada",
        created_at=NOON,
        expires_at=NOON + timedelta(hours=1),
    )
    tokens.tokens["token"] = VerifiedToken(
        subject="ada",
        tenant="acme",
        roles=frozenset({"member"}),
        scopes=frozenset(),
        seconds=30,
    )
    server = WrongClock(clock)
    authenticate = Authenticate(
        tokens=tokens,
        credentials=tenancy,
        rate_limits=LocalRateLimits(RateTerms(capacity=3, per_second=1), server),
        clock=server,
        times=InMemoryClock(clock),
        known=KnownCredentials.within(server),
    )
    return Scene(clock, tenancy, tokens, authenticate)


async def test_a_key_gives_its_subject_roles_scopes_and_account(scene: Scene) -> None:
    principal = await scene.show(key=SECRET)

    assert principal == Principal(
        tenant_id=TENANT,
        tenant="acme",
        subject="robot",
        roles=frozenset({"service"}),
        scopes=frozenset({"conversation:*"}),
        key_id=KEY_ID,
    )


async def test_a_key_may_come_as_a_bearer(scene: Scene) -> None:
    assert await scene.show(bearer=SECRET) == await scene.show(key=SECRET)


async def test_a_token_gives_what_its_issuer_says(scene: Scene) -> None:
    principal = await scene.show(bearer="token")

    assert (principal.subject, principal.tenant_id, principal.key_id) == ("ada", TENANT, None)
    assert principal.roles == {"member"}


@pytest.mark.parametrize(
    "credential",
    [
        "sk_short",
        secret_of(KEY_ID, "B" * 43),
        secret_of(KeyId(UUID(int=5)), "A" * 43),
        "another.token",
    ],
)
async def test_an_unknown_credential_is_refused_alike(scene: Scene, credential: str) -> None:
    with pytest.raises(CredentialRefusedError) as refusal:
        await scene.show(bearer=credential)

    assert str(refusal.value) == str(CredentialRefusedError())
    assert refusal.value.facts == {}


async def test_a_call_without_a_credential_is_refused(scene: Scene) -> None:
    with pytest.raises(CredentialRefusedError):
        await scene.show()


async def test_a_revoked_key_is_refused_within_five_seconds(scene: Scene) -> None:
    await scene.show(key=SECRET)
    scene.tenancy.keys[KEY_ID] = scene.tenancy.keys[KEY_ID].revoke(NOON)

    scene.clock.advance(5)

    with pytest.raises(CredentialRefusedError):
        await scene.show(key=SECRET)


async def test_a_key_expires_to_the_second_though_it_is_remembered(scene: Scene) -> None:
    scene.clock.advance(3598)
    await scene.show(key=SECRET)

    scene.clock.advance(2)

    with pytest.raises(CredentialExpiredError):
        await scene.show(key=SECRET)


async def test_a_wrong_secret_of_an_expired_key_is_not_told_that_it_expired(scene: Scene) -> None:
    scene.clock.advance(7200)

    with pytest.raises(CredentialRefusedError):
        await scene.show(key=secret_of(KEY_ID, "B" * 43))


async def test_a_token_is_verified_once_and_ends_with_its_time(scene: Scene) -> None:
    await scene.show(bearer="token")
    scene.clock.advance(29)
    await scene.show(bearer="token")
    scene.clock.advance(1)

    with pytest.raises(CredentialExpiredError):
        await scene.show(bearer="token")
    assert scene.tokens.asked == 1


async def test_a_token_of_an_unknown_tenant_is_refused(scene: Scene) -> None:
    scene.tokens.tokens["stray"] = replace(scene.tokens.tokens["token"], tenant="nobody")

    with pytest.raises(CredentialRefusedError):
        await scene.show(bearer="stray")


@pytest.mark.parametrize("standing", [Standing.SUSPENDED, Standing.STOPPED])
async def test_a_tenant_that_is_not_active_is_refused_within_five_seconds(
    scene: Scene, standing: Standing
) -> None:
    await scene.show(key=SECRET)
    await scene.show(bearer="token")
    scene.tenancy.tenants[TENANT] = scene.tenancy.tenants[TENANT].stand(standing, "why")

    scene.clock.advance(5)

    for shown in (SECRET, "token"):
        with pytest.raises(TenantSuspendedError) as refusal:
            await scene.show(bearer=shown)
        assert refusal.value.facts == {"tenant": "acme", "standing": standing.name.lower()}


async def test_a_tenant_that_calls_too_often_is_told_when_to_come_back(scene: Scene) -> None:
    for _ in range(3):
        await scene.show(key=SECRET)

    with pytest.raises(RateExceededError) as refusal:
        await scene.show(key=SECRET)
    assert refusal.value.retry_after_seconds == 1.0
    scene.clock.advance(1)
    await scene.show(key=SECRET)


async def test_a_refused_credential_takes_nothing_of_the_allowance(scene: Scene) -> None:
    for _ in range(9):
        with pytest.raises(CredentialRefusedError):
            await scene.show(key=secret_of(KEY_ID, "B" * 43))

    await scene.show(key=SECRET)


async def test_look_ups_are_remembered(scene: Scene) -> None:
    holder = await scene.tenancy.holder(KEY_ID)
    await scene.show(key=SECRET)
    del scene.tenancy.keys[KEY_ID]

    principal = await scene.show(key=SECRET)

    assert isinstance(holder, KeyHolder)
    assert principal.subject == holder.key.subject
