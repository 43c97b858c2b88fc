"""The one hash of the house: SHA-256."""

from hashlib import sha256


def digest_of(*parts: bytes) -> bytes:
    """The SHA-256 of the parts, each led by its length, so that no two lists of parts are alike."""
    whole = sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.digest()


def sha256_of(data: bytes) -> bytes:
    """The plain SHA-256 of bytes that have one canonical form, as anybody else would compute it."""
    return sha256(data).digest()
