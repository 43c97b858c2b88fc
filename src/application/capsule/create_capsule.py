"""Bring in one version of a capsule from its signed manifest."""

from dataclasses import dataclass
from typing import Final, final

from application.capsule.ports import CapsuleFiles, Capsules
from application.capsule.verify_capsule import VerifyCapsule
from application.kernel.ports import Clock, IdentifierSource
from domain.capsule.capsule import Capsule, CapsuleState
from domain.kernel.identifiers import CapsuleVersionId, RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "CreateCapsule"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCapsuleCommand:
    """`manifest` is the text of the file, YAML or JSON, signed."""

    principal: Principal
    tenant_id: TenantId
    manifest: str
    request_id: RequestId
    validate_only: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCapsule:
    """Check a manifest and its signature and keep it as a draft."""

    capsules: Capsules
    files: CapsuleFiles
    verify: VerifyCapsule
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: CreateCapsuleCommand) -> Capsule:
        """Give the draft; the stored version when it is there already with this content.

        Raises:
            CapsuleMalformedError: It is no manifest; with every fault and its path.
            UnknownKnobError: It sets a knob that does not exist.
            CapsuleSignatureInvalidError: Not signed, by a key not trusted, or changed since.
            ConstitutionUnavailableError: It asks for a constitution.
            CapsuleAlreadyExistsError: The version is there with other content.
            IdempotencyKeyReusedError: The request id is known with another manifest.
        """
        verified = self.verify(await self.files.read(command.manifest))
        capsule = Capsule(
            id=CapsuleVersionId(self.identifiers.next()),
            tenant_id=command.tenant_id,
            manifest=verified.manifest,
            document=verified.document,
            hash=verified.hash,
            signature=verified.signature,
            state=CapsuleState.DRAFT,
            created_at=self.clock.now(),
        )
        capsule.check_usable()
        if command.validate_only:
            return capsule
        request = RequestKey.of(
            METHOD, command.request_id, command.principal.subject, verified.document
        )
        return await self.capsules.create(capsule, request)
