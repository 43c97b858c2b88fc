"""The servicer of somagent.tenancy.v1."""

from dataclasses import dataclass
from typing import final

from application.kernel.ports import Clock
from application.tenancy.create_api_key import CreateApiKey, CreateApiKeyCommand
from application.tenancy.create_tenant import CreateTenant, CreateTenantCommand
from application.tenancy.get_tenant import GetTenant, GetTenantQuery
from application.tenancy.revoke_api_key import RevokeApiKey, RevokeApiKeyCommand
from domain.kernel.identifiers import RequestId
from domain.tenancy.api_key import ApiKey
from domain.tenancy.plan import Plan
from domain.tenancy.tenant import Tenant
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.conversation_resources import instant_of, timestamp
from entrypoints.grpc.names import key_name, key_of, tenant_name
from somagent.tenancy.v1 import tenancy_pb2 as pb


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TenancyServicer:
    """A key's secret goes out once, in the answer to the call that made it."""

    admission: Admission
    clock: Clock
    create: CreateTenant
    get: GetTenant
    create_key: CreateApiKey
    revoke_key: RevokeApiKey

    async def CreateTenant(
        self, request: pb.CreateTenantRequest, call: Call
    ) -> pb.CreateTenantResponse:
        async with answering(self.admission, call, request) as caller:
            tenant = await self.create(
                CreateTenantCommand(
                    actor=caller.principal.subject,
                    slug=request.tenant_id,
                    display_name=request.tenant.display_name,
                    plan=Plan[pb.Plan.Name(request.tenant.plan).removeprefix("PLAN_")],
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            return pb.CreateTenantResponse(tenant=tenant_form(tenant))

    async def GetTenant(self, request: pb.GetTenantRequest, call: Call) -> pb.GetTenantResponse:
        async with answering(self.admission, call, request) as caller:
            tenant = await self.get(GetTenantQuery(caller.tenant))
            return pb.GetTenantResponse(tenant=tenant_form(tenant))

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, call: Call
    ) -> pb.CreateApiKeyResponse:
        async with answering(self.admission, call, request) as caller:
            asked = request.api_key
            expires_at = None
            if asked.HasField("expire_time"):
                expires_at = instant_of("api_key.expire_time", asked.expire_time)
            created = await self.create_key(
                CreateApiKeyCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    tenant=caller.tenant,
                    display_name=asked.display_name,
                    roles=frozenset(asked.roles),
                    scopes=frozenset(asked.scopes),
                    request_id=RequestId(request.request_id.lower()),
                    subject=asked.subject,
                    expires_at=expires_at,
                )
            )
            key = self._key(caller.tenant, created.key)
            return pb.CreateApiKeyResponse(api_key=key, secret=created.secret)

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, call: Call
    ) -> pb.RevokeApiKeyResponse:
        async with answering(self.admission, call, request) as caller:
            key = await self.revoke_key(
                RevokeApiKeyCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    tenant=caller.tenant,
                    key_id=key_of(request.name),
                    etag=request.etag,
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            return pb.RevokeApiKeyResponse(api_key=self._key(caller.tenant, key))

    def _key(self, tenant: str, key: ApiKey) -> pb.ApiKey:
        return pb.ApiKey(
            name=key_name(tenant, key.id),
            display_name=key.display_name,
            roles=sorted(key.roles),
            scopes=sorted(key.scopes),
            expire_time=None if key.expires_at is None else timestamp(key.expires_at),
            state=self._state(key),
            prefix=key.prefix,
            creator=key.creator,
            create_time=timestamp(key.created_at),
            revoke_time=None if key.revoked_at is None else timestamp(key.revoked_at),
            etag=key.etag,
            subject=key.subject,
        )

    def _state(self, key: ApiKey) -> "pb.ApiKeyState.ValueType":
        if key.revoked_at is not None:
            return pb.API_KEY_STATE_REVOKED
        if key.has_expired(self.clock.now()):
            return pb.API_KEY_STATE_EXPIRED
        return pb.API_KEY_STATE_ACTIVE


def tenant_form(tenant: Tenant) -> pb.Tenant:
    return pb.Tenant(
        name=tenant_name(tenant.slug),
        display_name=tenant.display_name,
        plan=pb.Plan.Value(f"PLAN_{tenant.plan.name}"),
        state=pb.TenantState.Value(f"TENANT_STATE_{tenant.standing.name}"),
        state_reason=tenant.standing_reason,
        create_time=timestamp(tenant.created_at),
        etag=tenant.etag,
    )
