from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from domain.provenance.salted_hash import discloses, salted_hash

NONCE = b"n" * 16


def test_the_nonce_comes_before_the_content() -> None:
    assert salted_hash(NONCE, "grüße") == sha256(NONCE + "grüße".encode()).digest()


@given(st.text(), st.text())
def test_content_is_disclosed_by_itself_and_its_nonce_alone(content: str, other: str) -> None:
    claimed = salted_hash(NONCE, content)

    assert discloses(NONCE, content, claimed)
    assert discloses(NONCE, other, claimed) == (other == content)
    assert not discloses(b"m" * 16, content, claimed)


def test_bytes_cannot_be_moved_between_nonce_and_content() -> None:
    claimed = salted_hash(NONCE, "abc")

    assert not discloses(NONCE + b"a", "bc", claimed)
