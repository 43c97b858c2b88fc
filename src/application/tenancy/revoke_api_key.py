"""End an API key for good."""

from dataclasses import dataclass
from typing import Final, final

from application.kernel.audit import Audit
from application.kernel.ports import CanonicalJson, Clock
from application.tenancy.ports import ApiKeys
from domain.kernel.identifiers import KeyId, RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey
from domain.tenancy.api_key import ApiKey

METHOD: Final = "RevokeApiKey"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKeyCommand:
    """`etag` is the one that was read; empty revokes whatever is there."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    key_id: KeyId
    etag: str
    request_id: RequestId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """Let a key open nothing any more, within seconds on every server."""

    keys: ApiKeys
    canonical: CanonicalJson
    clock: Clock
    audit: Audit

    async def __call__(self, command: RevokeApiKeyCommand) -> ApiKey:
        """Give the revoked key; one that was revoked before stays as it is.

        Raises:
            KeyNotFoundError: No such key of this tenant.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        content = self.canonical.encode([str(command.key_id), command.etag])
        audit = self.audit.of(
            command.tenant_id,
            "tenancy:manage_keys",
            command.principal.subject,
            f"tenants/{command.tenant}/keys/{command.key_id}",
        )
        return await self.keys.revoke(
            command.tenant_id,
            command.key_id,
            etag=command.etag,
            at=self.clock.now(),
            request=RequestKey.of(METHOD, command.request_id, command.principal.subject, content),
            events=[audit],
        )
