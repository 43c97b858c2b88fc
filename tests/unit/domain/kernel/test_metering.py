from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.metering import (
    BASE_UNITS,
    BUDGET_METRICS,
    LEVEL_METRICS,
    MAX_AMOUNT,
    PRICE_VERSION,
    Metric,
    list_price,
    list_price_micro_usd,
)

TABLE: Final = """
| tokens | count | critical | 0.0001 | yes | tokens | yes | yes |
| tool_calls | count | critical | 0.01 | yes | tool_calls | yes | yes |
| images | count | critical | 0.04 | yes | image_generations | yes | yes |
| voice_minutes | minutes | critical | 0.006 | yes | voice_minutes | yes | yes |
| api_calls | count | important | 0 | yes | api_calls | yes | no |
| memory_tokens | tokens | important | 0.0001 | yes | memory_tokens | yes | no |
| vector_ops | count | important | 0.001 | no | vector_ops | yes | no |
| learning | count | important | 0.10 | yes | learning_credits | yes | no |
| storage_gb | GB | monitor | 0.10 | no | storage_gb | no | no |
| sessions | concurrent | monitor | 0 | yes | sessions | no | no |
"""

amounts = st.integers(min_value=0, max_value=MAX_AMOUNT)


def yes(flag: bool) -> str:  # noqa: FBT001  a cell of the table
    return "yes" if flag else "no"


def test_the_budget_metrics_are_those_of_the_figures() -> None:
    rows = [
        f"| {metric} | {terms.unit} | {terms.tier} | {terms.usd_per_unit} "
        f"| {yes(terms.checked_before_use)} | {terms.billing_code} "
        f"| {yes(terms.on_by_default)} | {yes(terms.lockable)} |"
        for metric, terms in BUDGET_METRICS.items()
    ]

    assert rows == TABLE.strip().splitlines()


def test_the_stored_codes_never_change() -> None:
    assert {metric.value: metric.code for metric in Metric} == {
        "tokens": 1,
        "tool_calls": 2,
        "images": 3,
        "voice_minutes": 4,
        "api_calls": 5,
        "memory_tokens": 6,
        "vector_ops": 7,
        "learning": 8,
        "storage_gb": 9,
        "sessions": 10,
    }


@pytest.mark.parametrize("metric", Metric)
def test_a_metric_is_found_by_its_code_and_by_its_name(metric: Metric) -> None:
    assert Metric.of(metric.code) is metric
    assert Metric(metric.value) is metric


@pytest.mark.parametrize("code", [0, 11, -1])
def test_an_unknown_code_is_not_guessed(code: int) -> None:
    with pytest.raises(KeyError):
        Metric.of(code)


def test_units_people_see_are_made_of_base_units() -> None:
    assert {unit.value: size for unit, size in BASE_UNITS.items()} == {
        "count": 1,
        "minutes": 60_000,
        "tokens": 1,
        "GB": 10**9,
        "concurrent": 1,
    }


def test_storage_and_sessions_are_levels() -> None:
    assert frozenset({"storage_gb", "sessions"}) == LEVEL_METRICS


def test_the_prices_are_version_one() -> None:
    assert PRICE_VERSION == 1


@pytest.mark.parametrize("metric", Metric)
def test_one_unit_costs_what_the_table_lists(metric: Metric) -> None:
    terms = BUDGET_METRICS[metric]

    assert list_price(metric, terms.base_units) == terms.usd_per_unit


@given(metric=st.sampled_from(Metric), parts=st.lists(amounts, max_size=20))
def test_exact_prices_add_up(metric: Metric, parts: list[int]) -> None:
    assert sum((list_price(metric, part) for part in parts), Decimal(0)) == list_price(
        metric, sum(parts)
    )


@given(metric=st.sampled_from(Metric), amount=amounts)
def test_rounding_moves_a_price_by_half_a_millionth_at_most(metric: Metric, amount: int) -> None:
    exact = list_price(metric, amount) * 1_000_000

    assert abs(list_price_micro_usd(metric, amount) - exact) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("milliseconds", "micro_usd"),
    [(0, 0), (4, 0), (5, 0), (6, 1), (15, 2), (25, 2), (60_000, 6_000)],
)
def test_halves_are_rounded_to_the_even_one(milliseconds: int, micro_usd: int) -> None:
    assert list_price_micro_usd(Metric.VOICE_MINUTES, milliseconds) == micro_usd
