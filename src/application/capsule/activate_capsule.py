"""Make one version of a capsule the one that new turns run under."""

from dataclasses import dataclass
from typing import Final, final

from application.capsule.load_capsule import KnownCapsules
from application.capsule.ports import Capsules
from application.capsule.verify_capsule import VerifyCapsule
from application.kernel.ports import CanonicalJson, Clock
from domain.capsule.capsule import Capsule
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "ActivateCapsule"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateCapsuleCommand:
    """`etag` is the one that was read; empty activates whatever is there."""

    principal: Principal
    tenant_id: TenantId
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
        active = await self.capsules.activate(
            tenant_id,
            capsule.id,
            etag=command.etag,
            at=self.clock.now(),
            request=RequestKey.of(METHOD, command.request_id, command.principal.subject, content),
        )
        self.known.standings.forget((tenant_id, command.name))
        return active
