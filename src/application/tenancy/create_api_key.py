"""Make an API key; its secret is given out once."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, final

from application.kernel.audit import Audit
from application.kernel.ports import CanonicalJson, DurableClock, IdentifierSource
from application.tenancy.ports import ApiKeys, SecretSource
from domain.authorization.rule import check_grant
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import KeyId, RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey
from domain.tenancy.api_key import LONGEST_SUBJECT, ApiKey, digest_of, secret_of
from domain.tenancy.tenant import LONGEST_DISPLAY_NAME, check_line

METHOD: Final = "CreateApiKey"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKeyCommand:
    """A key for a tenant. `subject` is who acts by it: the key itself when it is empty."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    display_name: str
    roles: frozenset[str]
    scopes: frozenset[str]
    request_id: RequestId
    subject: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """`secret` is empty when the key was made by an earlier call: it is kept nowhere."""

    key: ApiKey
    secret: str = field(repr=False)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey:
    """Make a key that can do no more than who makes it."""

    keys: ApiKeys
    secrets: SecretSource
    canonical: CanonicalJson
    clock: DurableClock
    identifiers: IdentifierSource
    audit: Audit

    async def __call__(self, command: CreateApiKeyCommand) -> CreatedApiKey:
        """Give the key and its secret.

        Raises:
            InvalidArgumentError: A name, a role, a scope or the expiry cannot be one.
            PermissionDeniedError: The key could do what the caller may not.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        now = await self.clock.now()
        if not command.roles:
            raise InvalidArgumentError("api_key.roles", "a key without a role may do nothing")
        if command.expires_at is not None and command.expires_at <= now:
            raise InvalidArgumentError("api_key.expire_time", "is in the past")
        check_grant(command.principal, command.tenant, command.roles, command.scopes)
        key_id = KeyId(self.identifiers.next())
        secret = secret_of(key_id, self.secrets.secret())
        key = ApiKey(
            id=key_id,
            tenant_id=command.tenant_id,
            subject=check_line(
                "api_key.subject", command.subject or f"keys/{key_id}", LONGEST_SUBJECT
            ),
            display_name=check_line(
                "api_key.display_name", command.display_name, LONGEST_DISPLAY_NAME
            ),
            roles=command.roles,
            scopes=command.scopes,
            digest=digest_of(secret),
            creator=command.principal.subject,
            created_at=now,
            expires_at=command.expires_at,
        )
        audit = self.audit.of(
            command.tenant_id,
            "tenancy:manage_keys",
            command.principal.subject,
            f"tenants/{command.tenant}/keys/{key_id}",
        )
        stored = await self.keys.create(key, self._request(command), [audit])
        return CreatedApiKey(stored, secret if stored.id == key_id else "")

    def _request(self, command: CreateApiKeyCommand) -> RequestKey:
        content = self.canonical.encode(
            {
                "display_name": command.display_name,
                "expires_at": command.expires_at.isoformat() if command.expires_at else None,
                "roles": tuple(sorted(command.roles)),
                "scopes": tuple(sorted(command.scopes)),
                "subject": command.subject,
            }
        )
        return RequestKey.of(METHOD, command.request_id, command.principal.subject, content)
