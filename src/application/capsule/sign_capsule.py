"""Sign a manifest."""

from dataclasses import dataclass
from typing import final

from application.capsule.ports import CapsuleSigner
from application.capsule.verify_capsule import SIGNATURE, unsigned
from application.kernel.ports import CanonicalJson, Json
from domain.capsule.capsule import hash_of, signed_bytes
from domain.capsule.manifest_reading import read_manifest


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignCapsule:
    """Put a signature on a manifest, in place of the one it may have."""

    canonical: CanonicalJson
    signer: CapsuleSigner

    async def __call__(self, document: Json) -> dict[str, Json]:
        """Give the manifest with its signature.

        Raises:
            CapsuleMalformedError: It is no manifest; with every fault and its path.
            UnknownKnobError: It sets a knob that does not exist.
        """
        content = unsigned(document)
        read_manifest(content or document)
        digest = hash_of(self.canonical.encode(content))
        value = await self.signer.sign(signed_bytes(digest))
        signature: dict[str, Json] = {
            "algorithm": "ed25519",
            "key_id": self.signer.key_id,
            "value": value.hex(),
        }
        return {**content, SIGNATURE: signature}
