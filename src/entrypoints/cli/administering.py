"""Calls that make tenants and keys."""

from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from entrypoints.assembly.offline import identifiers
from entrypoints.cli.client import Client, Target, open_client
from somagent.tenancy.v1.tenancy_pb2 import (
    ApiKey,
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    CreateTenantRequest,
    Plan,
    RevokeApiKeyRequest,
    Tenant,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to make in `tenants/{tenant}`; a time without a zone is UTC."""

    tenant: str
    display_name: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    subject: str = ""
    expires: datetime | None = None


async def create_tenant(target: Target, slug: str, plan: str, display_name: str) -> Tenant:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    async with open_client(target, identifiers()) as client:
        return await create_tenant_with(client, slug, plan, display_name)


async def create_tenant_with(client: Client, slug: str, plan: str, display_name: str) -> Tenant:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    tenant = Tenant(display_name=display_name, plan=Plan.Value(f"PLAN_{plan.upper()}"))
    request = CreateTenantRequest(tenant_id=slug, tenant=tenant, request_id=client.request_id())
    return (await client.ask(client.tenancy.CreateTenant, request)).tenant


async def create_key(target: Target, new: NewKey) -> CreateApiKeyResponse:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    async with open_client(target, identifiers()) as client:
        return await create_key_with(client, new)


async def create_key_with(client: Client, new: NewKey) -> CreateApiKeyResponse:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    key = ApiKey(
        display_name=new.display_name, roles=new.roles, scopes=new.scopes, subject=new.subject
    )
    if new.expires is not None:
        aware = new.expires if new.expires.tzinfo else new.expires.replace(tzinfo=UTC)
        expire_time = Timestamp()
        expire_time.FromDatetime(aware)
        key.expire_time.CopyFrom(expire_time)
    request = CreateApiKeyRequest(parent=new.tenant, api_key=key, request_id=client.request_id())
    return await client.ask(client.tenancy.CreateApiKey, request)


async def revoke_key(target: Target, name: str) -> ApiKey:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    async with open_client(target, identifiers()) as client:
        request = RevokeApiKeyRequest(name=name, request_id=client.request_id())
        return (await client.ask(client.tenancy.RevokeApiKey, request)).api_key
