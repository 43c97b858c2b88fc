"""API keys: how a secret names its key, and when a key opens nothing any more."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.identifiers import KeyId
from domain.tenancy.api_key import ApiKey, digest_of, key_id_of, looks_like_a_key, secret_of
from tests.builders import TENANT
from tests.fakes import NOON

RANDOMNESS = "A" * 43


def key(*, days: int | None = None) -> ApiKey:
    return ApiKey(
        id=KeyId(UUID(int=7)),
        tenant_id=TENANT,
        subject="ada",
        display_name="laptop",
        roles=frozenset({"member"}),
        scopes=frozenset(),
        digest=digest_of("secret"),
        creator="ada",
        created_at=NOON,
        expires_at=None if days is None else NOON + timedelta(days=days),
    )


@given(st.uuids(), st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True))
def test_a_secret_names_its_key(key_id: UUID, randomness: str) -> None:
    secret = secret_of(KeyId(key_id), randomness)

    assert key_id_of(secret) == key_id
    assert looks_like_a_key(secret)


@given(st.text())
def test_any_text_is_read_without_harm(text: str) -> None:
    assert key_id_of(text) is None or looks_like_a_key(text)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "sk_",
        f"sk_{'0' * 31}_{RANDOMNESS}",
        f"sk_{'0' * 32}_{RANDOMNESS}=",
        f"sk_{'0' * 32}_{RANDOMNESS}\n",
        f"sk_{'A' * 32}_{RANDOMNESS}",
        f"SK_{'0' * 32}_{RANDOMNESS}",
    ],
)
def test_what_is_written_otherwise_names_no_key(secret: str) -> None:
    assert key_id_of(secret) is None


def test_the_prefix_opens_nothing() -> None:
    assert key().prefix == "sk_00000000"


def test_a_key_without_an_end_does_not_expire() -> None:
    assert not key().has_expired(NOON + timedelta(days=36500))


def test_a_key_expires_at_its_end() -> None:
    assert not key(days=1).has_expired(NOON + timedelta(hours=23))
    assert key(days=1).has_expired(NOON + timedelta(days=1))


def test_a_key_is_revoked_once() -> None:
    revoked = key().revoke(NOON)

    assert (revoked.revoked_at, revoked.etag) == (NOON, "2")
    assert revoked.revoke(NOON + timedelta(days=1)) == revoked
