"""Ed25519 keys: signing, verifying, and what they are called."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.signing.ed25519 import (
    Ed25519Keys,
    Ed25519Signer,
    KeyUnusableError,
    key_id_of,
    new_private_key,
)

# RFC 8032, section 7.1, test 2.
PRIVATE = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


async def test_signatures_are_those_of_the_standard() -> None:
    signer = Ed25519Signer.of(PRIVATE)

    assert (await signer.sign(b"\x72")).hex() == SIGNATURE
    assert signer.public_key.hex() == PUBLIC
    assert signer.algorithm == "ed25519"


def test_a_key_is_called_by_its_digest() -> None:
    digest = sha256(bytes.fromhex(PUBLIC)).hexdigest()

    assert Ed25519Signer.of(PRIVATE).key_id == digest[:16]
    assert key_id_of(bytes.fromhex(PUBLIC)) == digest[:16]


def test_a_known_keys_signature_is_verified() -> None:
    keys, key_id = Ed25519Keys.of([PUBLIC]), key_id_of(bytes.fromhex(PUBLIC))

    assert keys.verify(key_id, b"\x72", bytes.fromhex(SIGNATURE)) is True
    assert keys.verify(key_id, b"\x73", bytes.fromhex(SIGNATURE)) is False
    assert keys.key_ids == {key_id}


def test_nothing_is_known_of_another_keys_signature() -> None:
    assert Ed25519Keys.of([PUBLIC]).verify("0" * 16, b"\x72", bytes.fromhex(SIGNATURE)) is None


@given(st.binary(max_size=80))
def test_any_bytes_but_the_signature_are_false(signature: bytes) -> None:
    keys = Ed25519Keys.of([PUBLIC])

    assert keys.verify(next(iter(keys.key_ids)), b"\x72", signature) is False


def test_new_keys_differ() -> None:
    assert new_private_key() != new_private_key()


@pytest.mark.parametrize("text", ["", "zz", PRIVATE[:-2], PRIVATE + "00"])
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(KeyUnusableError) as private:
        Ed25519Signer.of(text)
    with pytest.raises(KeyUnusableError):
        Ed25519Keys.of([text])
    assert not text or text not in str(private.value)
