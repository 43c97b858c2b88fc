"""How a credential is found in the headers of a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity.credential import LONGEST_CREDENTIAL, credential_in, fingerprint_of
from domain.identity.errors import CredentialRefusedError


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        ("Bearer abc", ""),
        ("bearer   abc ", ""),
        ("BEARER abc", ""),
        ("", "abc"),
        ("", " abc "),
        ("Bearer abc", "abc"),
    ],
)
def test_a_credential_is_found_in_either_header(authorization: str, api_key: str) -> None:
    assert credential_in(authorization, api_key) == "abc"


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        ("", ""),
        ("  ", " "),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Basic abc", ""),
        ("abc", ""),
        ("Bearer abc", "def"),
        ("Bearer a b", ""),
        ("Bearer a\x00b", ""),
        ("Bearer é", ""),
        ("", "a" * (LONGEST_CREDENTIAL + 1)),
    ],
)
def test_anything_else_is_refused(authorization: str, api_key: str) -> None:
    with pytest.raises(CredentialRefusedError):
        credential_in(authorization, api_key)


def test_who_shows_nothing_is_told_how() -> None:
    with pytest.raises(CredentialRefusedError, match="x-api-key"):
        credential_in("", "")


@given(st.text(), st.text())
def test_nothing_but_a_refusal_comes_of_anything(authorization: str, api_key: str) -> None:
    try:
        credential = credential_in(authorization, api_key)
    except CredentialRefusedError:
        return
    assert credential.isascii()
    assert len(fingerprint_of(credential)) == 32
