"""Names on the wire are written and read alike."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import SessionId, TurnId
from entrypoints.grpc import names

SLUGS = st.from_regex(r"[a-z][a-z0-9-]{1,62}", fullmatch=True)


@given(SLUGS, st.uuids(), st.uuids())
def test_a_turn_is_read_from_the_name_it_was_given(slug: str, session: UUID, turn: UUID) -> None:
    name = names.turn_name(slug, SessionId(session), TurnId(turn))

    assert names.turn_of(name) == (session, turn)
    assert names.session_of(name) == session
    assert names.tenant_of(name) == slug
    assert names.collection_of(name) == "turns"


@pytest.mark.parametrize("version", ["", "1.0.0", "2.0.0-rc.1"])
def test_a_capsule_is_named_with_or_without_its_version(version: str) -> None:
    name = names.capsule_name("acme", "assistant", version)

    assert names.capsule_of(name) == ("assistant", version)


def test_what_has_no_slug_in_its_place_is_refused() -> None:
    for name in ("", "tenants", "tenants/", "sessions/tenants"):
        with pytest.raises(InvalidArgumentError):
            names.tenant_of(name)


def test_what_has_no_uuid_in_its_place_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        names.session_of("tenants/acme/sessions/first")


def test_a_slug_that_spells_a_collection_is_still_a_slug() -> None:
    name = "tenants/sessions/capsules/tenants"

    assert names.tenant_of(name) == "sessions"
    assert names.capsule_of(name) == ("tenants", "")
