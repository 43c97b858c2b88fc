"""Slugs, lines of text, and a tenant's standing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import InvalidArgumentError
from domain.tenancy.plan import Plan
from domain.tenancy.tenant import RESERVED_SLUGS, Standing, Tenant, check_line, check_slug
from tests.builders import TENANT
from tests.fakes import NOON


def tenant() -> Tenant:
    return Tenant(id=TENANT, slug="acme", display_name="Acme", plan=Plan.FREE, created_at=NOON)


@given(st.from_regex(r"[a-z](-?[a-z0-9]){1,30}", fullmatch=True))
def test_a_well_formed_slug_is_taken(slug: str) -> None:
    if slug not in RESERVED_SLUGS:
        assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "A1",
        "1a",
        "-ab",
        "ab-",
        "a--b",
        "a_b",
        "a b",
        "ab\n",
        "é1",
        "a" * 64,
        "ab\0",
        "\u0661a",
    ],
)
def test_another_slug_is_refused(slug: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check_slug(slug)


@pytest.mark.parametrize("slug", sorted(RESERVED_SLUGS))
def test_the_services_own_names_are_refused(slug: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check_slug(slug)


@pytest.mark.parametrize("text", ["", "  ", "x" * 11, "a\nb", "a\0", "\x85", "\ud800"])
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check_line("name", text, 10)


def test_a_line_may_be_of_any_script() -> None:
    assert check_line("name", "Ünïcode 日本", 12) == "Ünïcode 日本"


def test_a_change_of_standing_changes_the_etag() -> None:
    stopped = tenant().stand(Standing.STOPPED, "why")

    assert (stopped.standing, stopped.standing_reason) == (Standing.STOPPED, "why")
    assert stopped.etag != tenant().etag


def test_the_standing_it_has_changes_nothing() -> None:
    assert tenant().stand(Standing.ACTIVE, "why") == tenant()
