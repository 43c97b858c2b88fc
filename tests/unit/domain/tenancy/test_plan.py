from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.metering import MAX_AMOUNT, Metric
from domain.tenancy.plan import PLAN_LIMITS, WARNING_PERCENTS, Plan, warnings_due

MINUTE: Final = 60_000
GB: Final = 10**9

amounts = st.integers(min_value=0, max_value=MAX_AMOUNT)


def test_the_limits_are_those_of_the_figures_in_base_units() -> None:
    assert {
        metric.value: tuple(PLAN_LIMITS[plan][metric] for plan in Plan) for metric in Metric
    } == {
        "tokens": (10_000, 100_000, 500_000, None),
        "tool_calls": (100, 1_000, 10_000, None),
        "images": (10, 100, 500, None),
        "voice_minutes": (10 * MINUTE, 60 * MINUTE, 300 * MINUTE, None),
        "api_calls": (1_000, 10_000, 100_000, None),
        "memory_tokens": (50_000, 500_000, 2_000_000, None),
        "vector_ops": (5_000, 50_000, 500_000, None),
        "learning": (10, 100, 1_000, None),
        "storage_gb": (1 * GB, 10 * GB, 100 * GB, None),
        "sessions": (1, 5, 20, None),
    }


def test_the_plans_stand_in_this_order() -> None:
    assert [plan.value for plan in sorted(Plan)] == ["free", "starter", "team", "enterprise"]


def test_a_limit_fits_what_an_amount_may_be() -> None:
    limits = [limit for plan in PLAN_LIMITS.values() for limit in plan.values()]

    assert all(limit is None or limit <= MAX_AMOUNT for limit in limits)


def test_tenants_are_warned_at_these_marks() -> None:
    assert WARNING_PERCENTS == (80, 95)


@pytest.mark.parametrize(
    ("before", "after", "due"),
    [
        (0, 79, ()),
        (79, 80, (80,)),
        (80, 94, ()),
        (94, 95, (95,)),
        (0, 100, (80, 95)),
        (95, 1_000, ()),
    ],
)
def test_a_warning_is_due_when_its_mark_is_reached(
    before: int, after: int, due: tuple[int, ...]
) -> None:
    assert warnings_due(100, before=before, after=after) == due


def test_who_has_no_limit_is_not_warned() -> None:
    assert warnings_due(None, before=0, after=MAX_AMOUNT) == ()


@given(limit=amounts, uses=st.lists(amounts, max_size=20))
def test_growing_usage_is_warned_once_at_each_mark(limit: int, uses: list[int]) -> None:
    marks = [0, *sorted(uses)]

    due = [
        percent
        for before, after in pairwise(marks)
        for percent in warnings_due(limit, before=before, after=after)
    ]

    assert due == [
        percent for percent in WARNING_PERCENTS if 0 < limit * percent <= marks[-1] * 100
    ]
