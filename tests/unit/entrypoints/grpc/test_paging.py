"""Pages: their size, and tokens that are good for one list alone."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authorization.decision import Decision
from domain.kernel.identifiers import TenantId
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.paging import MOST_BYTES, Page, PageTokens
from entrypoints.grpc.refusals import PageTokenInvalidError
from somagent.capability.v1 import capability_pb2 as pb
from tests.builders import TENANT, principal

TOKENS = PageTokens(b"k" * 32)
CALLER = Caller(
    principal=principal(),
    tenant_id=TENANT,
    tenant="acme",
    permit=Decision(allowed=True, permission="capability:read", rule="role:member"),
    method="somagent.capability.v1.CapabilityService/ListCapabilities",
    received_at=0.0,
    seconds=None,
    traceparent="",
)


def request(**fields: object) -> pb.ListCapabilitiesRequest:
    asked = pb.ListCapabilitiesRequest(parent="tenants/acme")
    for name, value in fields.items():
        setattr(asked, name, value)
    return asked


def page_of(asked: pb.ListCapabilitiesRequest, caller: Caller = CALLER) -> Page:
    return TOKENS.page(caller, asked, size=asked.page_size, token=asked.page_token)


def next_token(asked: pb.ListCapabilitiesRequest, found: list[str]) -> tuple[list[str], str]:
    shown, token = TOKENS.cut(CALLER, asked, page_of(asked), found, str)
    return list(shown), token


@given(st.lists(st.text(max_size=20), unique=True), st.integers(1, 7))
def test_pages_together_are_the_list(found: list[str], size: int) -> None:
    ordered = sorted(found)
    seen: list[str] = []
    asked = request(page_size=size)
    while True:
        page = page_of(asked)
        rest = ordered[ordered.index(page.after) + 1 :] if asked.page_token else ordered
        shown, token = next_token(asked, rest[: page.limit])
        seen += shown
        if not token:
            break
        asked = request(page_size=size, page_token=token)

    assert seen == ordered


@pytest.mark.parametrize(
    ("weights", "shown"),
    [([1, 1, 1], 3), ([MOST_BYTES, 1], 1), ([MOST_BYTES + 1, 1], 1), ([1, MOST_BYTES - 1, 1], 2)],
)
def test_a_page_ends_before_it_weighs_too_much(weights: list[int], shown: int) -> None:
    found = [str(place) for place in range(len(weights))]
    asked = request(page_size=10)

    on_page, token = TOKENS.cut(
        CALLER, asked, page_of(asked), found, str, lambda one: weights[int(one)]
    )

    assert list(on_page) == found[:shown]
    assert bool(token) == (shown < len(found))


def test_a_page_has_fifty_where_nothing_else_is_asked_for() -> None:
    assert page_of(request()) == Page(50, "")


def test_the_size_may_change_from_page_to_page() -> None:
    _, token = next_token(request(page_size=1), ["a", "b"])

    assert page_of(request(page_size=9, page_token=token)) == Page(9, "a")


def test_a_token_is_not_good_for_other_fields() -> None:
    _, token = next_token(request(page_size=1), ["a", "b"])

    with pytest.raises(PageTokenInvalidError):
        page_of(request(page_token=token, modality=pb.MODALITY_TEXT))


@pytest.mark.parametrize(
    "caller",
    [
        replace(CALLER, tenant_id=TenantId(UUID(int=9))),
        replace(CALLER, method="somagent.capability.v1.CapabilityService/Other"),
    ],
)
def test_a_token_is_not_good_for_another_tenant_or_method(caller: Caller) -> None:
    _, token = next_token(request(page_size=1), ["a", "b"])

    with pytest.raises(PageTokenInvalidError):
        page_of(request(page_token=token), caller)


@given(st.text())
def test_a_made_up_token_is_refused(token: str) -> None:
    if not token:
        return
    with pytest.raises(PageTokenInvalidError):
        TOKENS.page(CALLER, request(), size=1, token=token)


def test_a_token_of_another_key_is_refused() -> None:
    _, token = next_token(request(page_size=1), ["a", "b"])

    with pytest.raises(PageTokenInvalidError):
        PageTokens(b"x" * 32).page(CALLER, request(), size=1, token=token)
