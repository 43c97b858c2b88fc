from decimal import Decimal
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.provider_price import FREE, ProviderPrice

DEAR: Final = ProviderPrice(input=Decimal("2.50"), cached=Decimal("1.25"), output=Decimal(10))

usd = st.decimals(min_value=0, max_value=1000, places=4)
tokens = st.integers(min_value=0, max_value=1_000_000)


def test_a_call_costs_its_prompt_its_cached_prompt_and_its_reply() -> None:
    assert DEAR.cost(prompt=1_000, cached=400, reply=200) == Decimal("0.0040")


def test_a_cost_in_millionths_is_never_under_the_providers() -> None:
    price = ProviderPrice(input=Decimal("0.15"))

    assert price.cost_micro_usd(prompt=1, reply=0) == 1
    assert DEAR.cost_micro_usd(prompt=1_000, cached=400, reply=200) == 4_000


def test_what_is_free_bounds_nothing() -> None:
    assert FREE.affordable_reply(usd=Decimal(0), prompt=10**6, ceiling=8_192) == 8_192


def test_a_prompt_that_is_not_paid_for_leaves_no_reply() -> None:
    assert DEAR.affordable_reply(usd=Decimal("0.001"), prompt=1_000, ceiling=100) == 0


@given(prices=st.tuples(usd, usd), left=usd, prompt=tokens, ceiling=tokens)
def test_an_affordable_reply_is_the_longest_that_is_paid_for(
    prices: tuple[Decimal, Decimal], left: Decimal, prompt: int, ceiling: int
) -> None:
    price = ProviderPrice(input=prices[0], output=prices[1])

    reply = price.affordable_reply(usd=left, prompt=prompt, ceiling=ceiling)

    assert 0 <= reply <= ceiling
    if reply:
        assert price.cost(prompt=prompt, reply=reply) <= left
    if reply < ceiling:
        assert price.cost(prompt=prompt, reply=reply + 1) > left
