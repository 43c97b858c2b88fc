"""Make one version of a capsule the one that new turns run under."""

from dataclasses import dataclass
from typing import Final, final

from application.capsule.load_capsule import KnownCapsules
from application.capsule.ports import Capsules
from application.capsule.verify_capsule import VerifyCapsule
from application.kernel.audit import Audit
from application.kernel.ports import CanonicalJson, Clock, IdentifierSource
from domain.capsule.capsule import Capsule
from domain.capsule.events import CapsuleActivated
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import EventId, RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "ActivateCapsule"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateCapsuleCommand:
    """`etag` is the one that was read; empty activates whatever is there."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    name: str
    version: str
    etag: str
    request_id: RequestId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateCapsule:
    """Verify a version once more and make it active; the one that was becomes a draft again."""

    capsules: Capsules
    verify: VerifyCapsule
    canonical: CanonicalJson
    clock: Clock
    identifiers: IdentifierSource
    known: KnownCapsules

    async def __call__(self, command: ActivateCapsuleCommand) -> Capsule:
        """Give the active version.

        Raises:
            CapsuleNotFoundError: No such version of this tenant.
            CapsuleRevokedError: It was withdrawn.
            CapsuleSignatureInvalidError: Its key is no longer trusted, or it was changed.
            ConstitutionUnavailableError: It asks for a constitution.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        tenant_id = command.tenant_id
        capsule = await self.capsules.version(tenant_id, command.name, command.version)
        self.verify(self.canonical.decode(capsule.document))
        content = self.canonical.encode([command.name, command.version, command.etag])
        at = self.clock.now()

        def told(active: Capsule, previous: str) -> tuple[DomainEvent, ...]:
            version = active.manifest.version
            audit = Audit(clock=self.clock, identifiers=self.identifiers).of(
                tenant_id,
                "capsule:activate",
                command.principal.subject,
                f"tenants/{command.tenant}/capsules/{command.name}/versions/{version}",
            )
            activated = CapsuleActivated(
                id=EventId(self.identifiers.next()),
                tenant_id=tenant_id,
                key=tenant_id,
                occurred_at=at,
                tenant=command.tenant,
                capsule=command.name,
                version=version,
                previous=previous,
                hash=active.hash,
                subject=command.principal.subject,
            )
            return activated, audit

        active = await self.capsules.activate(
            tenant_id,
            capsule.id,
            etag=command.etag,
            at=at,
            request=RequestKey.of(METHOD, command.request_id, command.principal.subject, content),
            told=told,
        )
        self.known.standings.forget((tenant_id, command.name))
        return active
