"""Ed25519 keys: making, signing, verifying."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Self, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM: Final = "ed25519"
_KEY_BYTES: Final = 32
_ID_DIGITS: Final = 16


class KeyUnusableError(ValueError):
    """These bytes are no Ed25519 key; the message never holds them."""

    def __init__(self, what: str) -> None:
        super().__init__(f"a {what} Ed25519 key is {_KEY_BYTES} bytes, as 64 hexadecimal digits")


def key_id_of(public_key: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes."""
    return sha256(public_key).hexdigest()[:_ID_DIGITS]


def new_private_key() -> str:
    """A new private key, 64 hexadecimal digits, as a secret store keeps it."""
    return Ed25519PrivateKey.generate().private_bytes_raw().hex()


@final
class Ed25519Signer:
    """One private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def of(cls, private_key: str) -> Self:
        """From 64 hexadecimal digits.

        Raises:
            KeyUnusableError: It is none.
        """
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private_key.strip())))
        except ValueError:
            raise KeyUnusableError("private") from None

    @property
    def key_id(self) -> str:
        return key_id_of(self._public)

    @property
    def algorithm(self) -> str:
        return ALGORITHM

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self._public

    async def sign(self, data: bytes) -> bytes:
        """64 bytes. It takes some 50 µs, so it is done at once."""
        return self._key.sign(data)


@final
class Ed25519Keys:
    """Public keys by their identifiers."""

    def __init__(self, public_keys: Iterable[bytes]) -> None:
        """Keys of 32 bytes each.

        Raises:
            KeyUnusableError: One of them is none.
        """
        try:
            self._keys = {
                key_id_of(key): Ed25519PublicKey.from_public_bytes(key) for key in public_keys
            }
        except ValueError:
            raise KeyUnusableError("public") from None

    @classmethod
    def of(cls, public_keys: Iterable[str]) -> Self:
        """From 64 hexadecimal digits each.

        Raises:
            KeyUnusableError: One of them is no key.
        """
        try:
            return cls([bytes.fromhex(key.strip()) for key in public_keys])
        except ValueError:
            raise KeyUnusableError("public") from None

    @property
    def key_ids(self) -> frozenset[str]:
        return frozenset(self._keys)

    def verify(self, key_id: str, data: bytes, signature: bytes) -> bool | None:
        """Whether the key made this signature of these bytes; None when it is not one of these."""
        key = self._keys.get(key_id)
        if key is None:
            return None
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True
