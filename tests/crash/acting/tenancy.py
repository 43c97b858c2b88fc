"""What administrators do: keys that are made and revoked, tenants that are founded and stopped."""

from dataclasses import replace
from typing import Final

from somagent.budget.v1 import budget_pb2
from somagent.operations.v1 import operations_pb2
from somagent.tenancy.v1 import tenancy_pb2
from tests.crash.acting.actor import Actor
from tests.crash.caller import Caller
from tests.crash.evidence import Founded, MadeKey

NEW_SHARE: Final = 0.3
"""How often a tenant is founded; else the request that founded one comes again."""


async def keyed(actor: Actor) -> None:
    """A key that is made, and opens."""
    await _used(actor.caller, await _key(actor.caller, actor.caller.witness.slug))


async def unkeyed(actor: Actor) -> None:
    """A key that is made, opens, and is revoked for good."""
    key = await _key(actor.caller, actor.caller.witness.slug)
    await _used(actor.caller, key)
    request = tenancy_pb2.RevokeApiKeyRequest(name=key.name, request_id=actor.caller.request_id())
    key.revoking = True
    await actor.caller.ask(request, tenancy_pb2.RevokeApiKeyResponse)
    key.revoked = True


async def founded(actor: Actor) -> None:
    """A tenant that the operator founds, or that he asks for once more, to be told of the same."""
    await _founded(actor)


async def stopped(actor: Actor) -> None:
    """A tenant that is founded, served, and stopped."""
    tenant = await _founded(actor)
    if tenant.stopping:
        return
    tenant.stopping = True
    operator = _operator(actor)
    await _used(operator, await _key(operator, tenant.slug))
    request = operations_pb2.StopTenantRequest(
        name=f"tenants/{tenant.slug}", reason="asked to", request_id=operator.request_id()
    )
    await operator.ask(request, operations_pb2.StopTenantResponse)
    tenant.stopped = True


async def _founded(actor: Actor) -> Founded:
    operator, known = _operator(actor), actor.caller.evidence.founded
    if known and operator.chance.random() >= NEW_SHARE:
        tenant = operator.chance.choice(known)
    else:
        request_id = operator.request_id()
        tenant = Founded(slug=f"t-{request_id}", request_id=request_id)
        known.append(tenant)
    request = tenancy_pb2.CreateTenantRequest(
        tenant_id=tenant.slug,
        tenant=tenancy_pb2.Tenant(display_name=tenant.slug, plan=tenancy_pb2.PLAN_TEAM),
        request_id=tenant.request_id,
    )
    answer = await operator.ask(request, tenancy_pb2.CreateTenantResponse)
    tenant.told.add(answer.tenant.create_time.ToNanoseconds())
    return tenant


def _operator(actor: Actor) -> Caller:
    return replace(actor.caller, witness=actor.caller.evidence.platform)


async def _key(caller: Caller, tenant: str) -> MadeKey:
    """A new key; its secret is empty where it was lost with the first answer."""
    request_id = caller.request_id()
    request = tenancy_pb2.CreateApiKeyRequest(
        parent=f"tenants/{tenant}",
        api_key=tenancy_pb2.ApiKey(display_name=request_id, roles=["administrator"]),
        request_id=request_id,
    )
    made = await caller.ask(request, tenancy_pb2.CreateApiKeyResponse)
    key = MadeKey(tenant=tenant, ident=request_id, name=made.api_key.name, secret=made.secret)
    caller.evidence.keys.append(key)
    if made.secret:
        caller.evidence.secrets.add(made.secret)
    return key


async def _used(caller: Caller, key: MadeKey) -> None:
    """What a key opens that is good."""
    if key.secret:
        owner = replace(caller, witness=caller.witness.under(key.secret, key.tenant))
        request = budget_pb2.GetUsageRequest(parent=owner.parent)
        await owner.ask(request, budget_pb2.GetUsageResponse)
