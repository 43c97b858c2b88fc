"""What the command line does by itself, with files alone: no settings, no database."""

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.capsule_files.capsule_files import YamlCapsuleFiles
from adapters.signing.ed25519 import Ed25519Keys, Ed25519Signer, key_id_of, new_private_key
from adapters.system.identifiers import SystemIdentifiers
from application.capsule.ports import CapsuleFiles
from application.capsule.sign_capsule import SignCapsule
from application.capsule.verify_capsule import VerifyCapsule
from application.kernel.ports import CanonicalJson, IdentifierSource
from application.provenance.verify_receipt import VerifyReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """An Ed25519 key as it is written to files: 64 hexadecimal digits each."""

    key_id: str
    private: str
    public: str


def new_key_pair() -> KeyPair:
    private = new_private_key()
    public = Ed25519Signer.of(private).public_key
    return KeyPair(key_id=key_id_of(public), private=private, public=public.hex())


def public_key_of(text: str) -> tuple[str, bytes]:
    """A public key's id and its 32 bytes.

    Raises:
        ValueError: It is none.
    """
    raw = bytes.fromhex(text.strip())
    Ed25519Keys([raw])
    return key_id_of(raw), raw


def verify_receipts(public_keys: Iterable[bytes]) -> VerifyReceipt:
    return VerifyReceipt(json=Rfc8785Json(), verifier=Ed25519Keys(public_keys))


def verify_capsules(public_keys: Iterable[bytes]) -> VerifyCapsule:
    return VerifyCapsule(canonical=Rfc8785Json(), trusted=Ed25519Keys(public_keys))


def sign_capsules(private_key: str) -> SignCapsule:
    """Raises: ValueError: It is no private key."""
    return SignCapsule(canonical=Rfc8785Json(), signer=Ed25519Signer.of(private_key))


def capsule_files() -> CapsuleFiles:
    return YamlCapsuleFiles()


def canonical_json() -> CanonicalJson:
    return Rfc8785Json()


def identifiers() -> IdentifierSource:
    return SystemIdentifiers()
