"""Read a signed manifest and check that somebody who is trusted signed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from application.capsule.ports import TrustedKeys
from application.kernel.ports import CanonicalJson, Json
from domain.capsule.capsule import hash_of, signed_bytes
from domain.capsule.errors import CapsuleSignatureInvalidError
from domain.capsule.manifest import Manifest, Signature
from domain.capsule.manifest_reading import read_manifest, read_signature

SIGNATURE: Final = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedManifest:
    """A manifest that is what its signer signed; `document` is its RFC 8785 form, signed."""

    manifest: Manifest
    document: bytes
    hash: bytes
    signature: Signature


def unsigned(document: Json) -> dict[str, Json]:
    """The document without its signature; empty when it is no mapping."""
    if not isinstance(document, Mapping):
        return {}
    return {name: value for name, value in document.items() if name != SIGNATURE}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyCapsule:
    """Check a manifest and its signature. It touches nothing but its arguments and the keys."""

    canonical: CanonicalJson
    trusted: TrustedKeys

    def __call__(self, document: Json) -> VerifiedManifest:
        """Give the manifest, its hash and its signature.

        Raises:
            CapsuleMalformedError: It is no manifest; with every fault and its path.
            UnknownKnobError: It sets a knob that does not exist.
            InvalidArgumentError: It holds a number that has no canonical form.
            CapsuleSignatureInvalidError: It is not signed, by a key that is not trusted, or it was
                changed since.
        """
        manifest = read_manifest(document)
        signature = read_signature(document)
        if signature is None:
            raise CapsuleSignatureInvalidError(manifest.name, "", "unsigned")
        digest = hash_of(self.canonical.encode(unsigned(document)))
        good = self.trusted.verify(signature.key_id, signed_bytes(digest), signature.value)
        if good is None:
            raise CapsuleSignatureInvalidError(manifest.name, signature.key_id, "unknown_key")
        if not good:
            raise CapsuleSignatureInvalidError(manifest.name, signature.key_id, "tampered")
        return VerifiedManifest(
            manifest=manifest,
            document=self.canonical.encode(document),
            hash=digest,
            signature=signature,
        )
