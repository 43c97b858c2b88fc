"""Withdraw one version of a capsule for good."""

from dataclasses import dataclass
from typing import Final, final

from application.capsule.load_capsule import KnownCapsules
from application.capsule.ports import Capsules
from application.kernel.audit import Audit
from application.kernel.ports import CanonicalJson
from domain.capsule.capsule import Capsule
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "RevokeCapsule"
PERMISSION: Final = "capsule:revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeCapsuleCommand:
    """`etag` is the one that was read; empty revokes whatever is there."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    name: str
    version: str
    etag: str
    request_id: RequestId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeCapsule:
    """Withdraw a version: no turn begins under it from then on, within seconds on every server."""

    capsules: Capsules
    canonical: CanonicalJson
    known: KnownCapsules
    audit: Audit

    async def __call__(self, command: RevokeCapsuleCommand) -> Capsule:
        """Give the revoked version; one that was revoked before stays as it is.

        Raises:
            CapsuleNotFoundError: No such version of this tenant.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        tenant_id = command.tenant_id
        capsule = await self.capsules.version(tenant_id, command.name, command.version)
        content = self.canonical.encode([command.name, command.version, command.etag])
        resource = f"tenants/{command.tenant}/capsules/{command.name}/versions/{command.version}"
        audit = self.audit.of(tenant_id, PERMISSION, command.principal.subject, resource)
        revoked = await self.capsules.revoke(
            tenant_id,
            capsule.id,
            etag=command.etag,
            request=RequestKey.of(METHOD, command.request_id, command.principal.subject, content),
            events=[audit],
        )
        self.known.standings.forget((tenant_id, command.name))
        self.known.pinned.forget((tenant_id, capsule.id))
        return revoked
