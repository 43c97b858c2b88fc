"""Request ids that stand for one content, against every adapter of the port."""

import pytest

from adapters.inmemory.request_claims import InMemoryRequestClaims
from adapters.postgres.request_claims import PostgresRequestClaims
from adapters.system.identifiers import SystemIdentifiers
from application.kernel.ports import RequestClaims
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.request_key import RequestKey

IDENTIFIERS = SystemIdentifiers()


def key(name: str = "a", content: bytes = b"content", actor: str = "ada") -> RequestKey:
    return RequestKey.of("rpc:Settle", RequestId(name), actor, content)


@pytest.fixture(params=["inmemory", "postgres"])
def claims(request: pytest.FixtureRequest) -> RequestClaims:
    if request.param == "inmemory":
        return InMemoryRequestClaims()
    return PostgresRequestClaims(database=request.getfixturevalue("database"))


@pytest.fixture
def tenant_id() -> TenantId:
    return TenantId(IDENTIFIERS.next())


async def test_an_id_may_be_claimed_again_for_the_same_content(
    claims: RequestClaims, tenant_id: TenantId
) -> None:
    assert await claims.claim(tenant_id, key()) == ""
    assert await claims.claim(tenant_id, key()) == ""


@pytest.mark.parametrize("other", [key(content=b"other"), key(actor="bob")])
async def test_an_id_stands_for_one_content_of_one_actor(
    claims: RequestClaims, tenant_id: TenantId, other: RequestKey
) -> None:
    await claims.claim(tenant_id, key())

    with pytest.raises(IdempotencyKeyReusedError):
        await claims.claim(tenant_id, other)


async def test_what_was_noted_is_told_when_the_id_is_claimed_again(
    claims: RequestClaims, tenant_id: TenantId
) -> None:
    await claims.claim(tenant_id, key())
    await claims.note(tenant_id, key(), "3")

    assert await claims.claim(tenant_id, key()) == "3"
    assert await claims.claim(tenant_id, key("b")) == ""


async def test_tenants_do_not_share_their_ids(claims: RequestClaims, tenant_id: TenantId) -> None:
    await claims.claim(tenant_id, key())

    assert await claims.claim(TenantId(IDENTIFIERS.next()), key(content=b"other")) == ""
