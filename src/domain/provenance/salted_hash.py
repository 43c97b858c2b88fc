"""Hashes of personal content that cannot be guessed once their nonce is destroyed."""

from hashlib import sha256
from typing import Final, NewType

SaltedHash = NewType("SaltedHash", bytes)
"""SHA-256(nonce ‖ content), 32 bytes. A bare hash of a phone number can be guessed; this cannot."""

NONCE_BYTES: Final = 16


def salted_hash(nonce: bytes, content: str | bytes) -> SaltedHash:
    """Hash content with the nonce that is kept beside it; text is taken as UTF-8."""
    return SaltedHash(sha256(nonce + _bytes_of(content)).digest())


def plain_hash(content: bytes) -> bytes:
    """SHA-256 of what is not personal: to compare two requests, never to publish."""
    return sha256(content).digest()


def discloses(nonce: bytes, content: str | bytes, claimed: SaltedHash) -> bool:
    """Whether this content, with this nonce, is what a record holds the hash of."""
    return len(nonce) == NONCE_BYTES and salted_hash(nonce, content) == claimed


def _bytes_of(content: str | bytes) -> bytes:
    return content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
