"""somagent.tenancy.v1, from outside."""

import pytest

from somagent.memory.v1 import memory_pb2, memory_pb2_grpc
from somagent.tenancy.v1 import tenancy_pb2 as pb
from somagent.tenancy.v1 import tenancy_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id, fresh_slug


def tenant_request(slug: str) -> pb.CreateTenantRequest:
    return pb.CreateTenantRequest(
        tenant_id=slug,
        tenant=pb.Tenant(display_name="Acme", plan=pb.PLAN_TEAM),
        request_id=fresh_id(),
    )


def key_request(slug: str, *roles: str) -> pb.CreateApiKeyRequest:
    return pb.CreateApiKeyRequest(
        parent=f"tenants/{slug}",
        api_key=pb.ApiKey(display_name="laptop", roles=list(roles)),
        request_id=fresh_id(),
    )


async def test_a_tenant_is_made_by_the_operator_and_read_by_itself(stage: Stage) -> None:
    stub = rpc.TenancyServiceStub(stage.channel)
    slug = fresh_slug()
    request = tenant_request(slug)

    made = await stub.CreateTenant(request, metadata=stage.operator.pairs)
    again = await stub.CreateTenant(request, metadata=stage.operator.pairs)
    own = await stage.key(slug, "administrator")
    read = await stub.GetTenant(pb.GetTenantRequest(name=f"tenants/{slug}"), metadata=own.pairs)

    assert made == again
    assert read.tenant == made.tenant
    assert made.tenant.name == f"tenants/{slug}"
    assert (made.tenant.plan, made.tenant.state) == (pb.PLAN_TEAM, pb.TENANT_STATE_ACTIVE)
    taken = tenant_request(slug)
    refused = await reason_of(stub.CreateTenant(taken, metadata=stage.operator.pairs))
    assert refused == "TENANT_ALREADY_EXISTS"


async def test_nobody_but_the_operator_makes_tenants(stage: Stage) -> None:
    _, administrator = await stage.tenant()
    stub = rpc.TenancyServiceStub(stage.channel)

    refused = await reason_of(
        stub.CreateTenant(tenant_request(fresh_slug()), metadata=administrator.pairs)
    )

    assert refused == "PERMISSION_DENIED"


async def test_a_key_opens_until_it_is_revoked_and_its_secret_is_told_once(stage: Stage) -> None:
    slug, administrator = await stage.tenant()
    stub = rpc.TenancyServiceStub(stage.channel)
    request = key_request(slug, "member")

    made = await stub.CreateApiKey(request, metadata=administrator.pairs)
    again = await stub.CreateApiKey(request, metadata=administrator.pairs)
    recall = memory_pb2.RecallRequest(parent=f"tenants/{slug}", cue="x")
    memory = memory_pb2_grpc.MemoryServiceStub(stage.channel)
    await memory.Recall(recall, metadata=Metadata(made.secret).pairs)
    revoked = await stub.RevokeApiKey(
        pb.RevokeApiKeyRequest(
            name=made.api_key.name, etag=made.api_key.etag, request_id=fresh_id()
        ),
        metadata=administrator.pairs,
    )

    assert made.secret.startswith(made.api_key.prefix)
    assert (again.api_key, again.secret) == (made.api_key, "")
    assert made.api_key.state == pb.API_KEY_STATE_ACTIVE
    assert revoked.api_key.state == pb.API_KEY_STATE_REVOKED
    assert made.secret not in str(revoked)


@pytest.mark.parametrize("roles", [["administrator"], ["operator"]])
async def test_nobody_hands_on_what_he_may_not_do(stage: Stage, roles: list[str]) -> None:
    slug, _ = await stage.tenant()
    developer = await stage.key(slug, "developer")
    stub = rpc.TenancyServiceStub(stage.channel)

    refused = await reason_of(
        stub.CreateApiKey(key_request(slug, *roles), metadata=developer.pairs)
    )

    assert refused == "PERMISSION_DENIED"


async def test_a_tenants_keys_are_not_another_tenants(stage: Stage) -> None:
    slug, _ = await stage.tenant()
    _, other = await stage.tenant()
    stub = rpc.TenancyServiceStub(stage.channel)

    for refused in (
        stub.CreateApiKey(key_request(slug, "member"), metadata=other.pairs),
        stub.GetTenant(pb.GetTenantRequest(name=f"tenants/{slug}"), metadata=other.pairs),
    ):
        assert await reason_of(refused) == "TENANT_NOT_FOUND"


async def test_an_etag_of_yesterday_is_refused(stage: Stage) -> None:
    slug, administrator = await stage.tenant()
    stub = rpc.TenancyServiceStub(stage.channel)
    made = await stub.CreateApiKey(key_request(slug, "member"), metadata=administrator.pairs)

    refused = await reason_of(
        stub.RevokeApiKey(
            pb.RevokeApiKeyRequest(name=made.api_key.name, etag="99", request_id=fresh_id()),
            metadata=administrator.pairs,
        )
    )

    assert refused == "ETAG_MISMATCH"
