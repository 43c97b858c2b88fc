from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.conversation.bounds import (
    Binding,
    ReplyBound,
    ReplyTerms,
    context_tokens,
    estimated_tokens,
    first_hold,
    history_room,
    message_fits,
    reply_bound,
    thinking_bound,
)
from domain.conversation.lane import Lane, share_out
from domain.kernel.provider_price import ProviderPrice

TERMS: Final = ReplyTerms(
    max_tokens=2_048, token_limit=10_000, resource_budget=Decimal("0.10"), window=128_000
)
DEAR: Final = ProviderPrice(input=Decimal(10), output=Decimal(100))

counts = st.integers(min_value=0, max_value=200_000)
usd = st.decimals(min_value=0, max_value=5, places=4)


@pytest.mark.parametrize(
    ("terms", "bound"),
    [
        (TERMS, ReplyBound(2_048, Binding.MAX_TOKENS)),
        (replace(TERMS, requested=100), ReplyBound(100, Binding.REQUESTED)),
        (replace(TERMS, requested=9_999), ReplyBound(2_048, Binding.MAX_TOKENS)),
        (replace(TERMS, window=2_000, prompt_tokens=500), ReplyBound(1_500, Binding.WINDOW)),
        (replace(TERMS, used_tokens=9_000), ReplyBound(1_000, Binding.TOKEN_LIMIT)),
        (
            replace(TERMS, used_tokens=9_000, prompt_tokens=400),
            ReplyBound(600, Binding.TOKEN_LIMIT),
        ),
        (replace(TERMS, used_tokens=12_000), ReplyBound(0, Binding.TOKEN_LIMIT)),
        (replace(TERMS, price=DEAR), ReplyBound(1_000, Binding.RESOURCE_BUDGET)),
        (
            replace(TERMS, price=DEAR, prompt_tokens=5_000),
            ReplyBound(500, Binding.RESOURCE_BUDGET),
        ),
        (
            replace(TERMS, price=DEAR, spent=Decimal("0.09")),
            ReplyBound(100, Binding.RESOURCE_BUDGET),
        ),
        (
            replace(TERMS, price=DEAR, resource_budget=Decimal(0)),
            ReplyBound(0, Binding.RESOURCE_BUDGET),
        ),
        (replace(TERMS, resource_budget=Decimal(0)), ReplyBound(2_048, Binding.MAX_TOKENS)),
    ],
)
def test_a_reply_is_bound_by_the_least_of_its_limits(terms: ReplyTerms, bound: ReplyBound) -> None:
    assert reply_bound(terms) == bound


@given(
    max_tokens=counts,
    token_limit=counts,
    used=counts,
    window=counts,
    prompt=counts,
    requested=st.none() | counts,
    budget=usd,
    prices=st.tuples(usd, usd),
)
def test_no_reply_passes_any_limit(  # noqa: PLR0913  one argument a limit
    *,
    max_tokens: int,
    token_limit: int,
    used: int,
    window: int,
    prompt: int,
    requested: int | None,
    budget: Decimal,
    prices: tuple[Decimal, Decimal],
) -> None:
    price = ProviderPrice(input=prices[0], output=prices[1])

    reply = reply_bound(
        ReplyTerms(
            max_tokens=max_tokens,
            token_limit=token_limit,
            used_tokens=used,
            window=window,
            prompt_tokens=prompt,
            requested=requested,
            resource_budget=budget,
            price=price,
        )
    ).tokens

    assert 0 <= reply <= max_tokens
    if reply:
        assert used + prompt + reply <= token_limit
        assert prompt + reply <= window
        assert requested is None or reply <= requested
        assert price.cost(prompt=prompt, reply=reply) <= budget


@given(mind=counts, money=counts)
def test_thinking_is_bound_by_the_lesser_of_both_budgets(mind: int, money: int) -> None:
    assert thinking_bound(mind, money) == min(mind, money)


def test_the_lanes_share_the_window_without_the_reply() -> None:
    assert context_tokens(8_192, 2_048) == 6_144
    assert context_tokens(1_000, 2_048) == 0


def test_a_message_may_fill_the_history_and_the_buffer() -> None:
    lanes = share_out(10_000, 5)

    assert message_fits(4_000, lanes)
    assert not message_fits(4_001, lanes)


def test_a_message_leaves_the_rest_of_its_lane_to_older_ones() -> None:
    lanes = share_out(10_000, 5)

    assert history_room(1_000, lanes) == 2_000
    assert history_room(3_500, lanes) == 0


@given(tokens=counts, level=st.integers(1, 10), message=counts)
def test_a_message_that_fits_and_the_history_beside_it_stay_in_their_lanes(
    tokens: int, level: int, message: int
) -> None:
    lanes = share_out(tokens, level)

    if message_fits(message, lanes):
        together = message + history_room(message, lanes)
        assert together <= lanes[Lane.HISTORY] + lanes[Lane.BUFFER]


def test_what_was_counted_is_held_and_not_the_window() -> None:
    held = first_hold(
        system_and_tools=300,
        history_and_message=500,
        memory_cap=700,
        reply=2_048,
        token_limit=10_000,
    )

    assert held == 3_548


@given(system=counts, history=counts, memory=counts, reply=counts, limit=counts)
def test_no_more_is_held_than_the_token_limit(
    system: int, history: int, memory: int, reply: int, limit: int
) -> None:
    held = first_hold(
        system_and_tools=system,
        history_and_message=history,
        memory_cap=memory,
        reply=reply,
        token_limit=limit,
    )

    assert held == min(limit, system + history + memory + reply)


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("hello", 5), ("é", 2), ("漢字", 6), ("👍", 4), ("\ud800", 3)]
)
def test_tokens_are_estimated_as_utf8_bytes(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens


@given(left=st.text(max_size=50), right=st.text(max_size=50))
def test_estimates_add_up(left: str, right: str) -> None:
    assert estimated_tokens(left + right) == estimated_tokens(left) + estimated_tokens(right)
