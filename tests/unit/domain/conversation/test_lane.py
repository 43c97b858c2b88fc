from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.conversation.lane import (
    BUFFER_MINIMUM,
    LANE_SHARES,
    CutOrder,
    Lane,
    LaneItem,
    cut,
    lane_shares,
    share_out,
)

TABLE: Final = """
| 1–3 | 0.20 | 0.20 | 0.20 | 0.20 | 0.20 |
| 4–6 | 0.15 | 0.30 | 0.25 | 0.20 | 0.10 |
| 7–10 | 0.10 | 0.35 | 0.30 | 0.15 | 0.10 |
"""  # noqa: RUF001  the figures' own dashes


def item(content: str, tokens: int, relevance: float = 0.0) -> LaneItem[str]:
    return LaneItem(content, tokens, relevance)


sizes = st.integers(min_value=0, max_value=2_000_000)
levels = st.integers(min_value=1, max_value=10)
preferences = st.dictionaries(st.sampled_from(Lane), st.floats(min_value=0, max_value=1))
items = st.lists(
    st.builds(
        item,
        content=st.sampled_from("abc"),
        tokens=st.integers(min_value=0, max_value=50),
        relevance=st.sampled_from([0.0, 0.2, 0.5, 0.9]),
    ),
    max_size=30,
)
budgets = st.integers(min_value=0, max_value=400)


def test_the_lanes_stand_in_this_order() -> None:
    assert [lane.value for lane in Lane] == ["system", "history", "memory", "tools", "buffer"]


def test_every_intelligence_level_has_the_shares_of_the_figures() -> None:
    expected: dict[int, list[float]] = {}
    for line in TABLE.strip().splitlines():
        band, *cells = line.strip("| ").split(" | ")
        first, last = band.split("–")  # noqa: RUF001  the figures' own dashes
        row = [float(one) for one in cells]
        expected |= dict.fromkeys(range(int(first), int(last) + 1), row)

    found = {level: [lane_shares(level)[lane] for lane in Lane] for level in range(1, 11)}

    assert found == expected


def test_the_shares_of_a_level_are_the_whole() -> None:
    assert all(round(sum(row.values()), 9) == 1 for _, row in LANE_SHARES)


def test_the_buffer_has_two_hundred_tokens_at_the_least() -> None:
    assert BUFFER_MINIMUM == 200


@pytest.mark.parametrize("level", range(1, 11))
def test_shares_are_taken_exactly(level: int) -> None:
    lanes = share_out(10_000, level)

    assert lanes == {lane: round(10_000 * share) for lane, share in lane_shares(level).items()}


def test_a_small_context_gives_the_buffer_its_minimum_and_shares_the_rest() -> None:
    assert share_out(1_100, 5) == {
        Lane.SYSTEM: 150,
        Lane.HISTORY: 300,
        Lane.MEMORY: 250,
        Lane.TOOLS: 200,
        Lane.BUFFER: 200,
    }


def test_a_context_smaller_than_the_buffer_is_all_buffer() -> None:
    assert share_out(150, 9) == {
        Lane.SYSTEM: 0,
        Lane.HISTORY: 0,
        Lane.MEMORY: 0,
        Lane.TOOLS: 0,
        Lane.BUFFER: 150,
    }


def test_learned_preferences_win_over_the_level() -> None:
    learned = dict.fromkeys(Lane, 0.1) | {Lane.MEMORY: 0.6}

    assert share_out(10_000, 2, learned)[Lane.MEMORY] == 6_000


def test_a_preference_that_is_no_share_is_passed_over() -> None:
    spoilt = {Lane.MEMORY: float("nan"), Lane.TOOLS: -1.0, Lane.HISTORY: 7.0}

    assert share_out(10_000, 5, spoilt) == share_out(10_000, 5)


@given(tokens=sizes, level=levels, learned=preferences, minimum=st.integers(0, 5_000))
def test_lanes_never_have_more_than_the_context(
    tokens: int, level: int, learned: dict[Lane, float], minimum: int
) -> None:
    lanes = share_out(tokens, level, learned, minimum)

    assert set(lanes) == set(Lane)
    assert all(share >= 0 for share in lanes.values())
    assert sum(lanes.values()) <= tokens
    assert lanes[Lane.BUFFER] >= min(tokens, minimum)


@given(tokens=st.integers(min_value=2_000, max_value=2_000_000), level=levels)
def test_default_lanes_lose_less_than_a_token_each(tokens: int, level: int) -> None:
    assert sum(share_out(tokens, level).values()) > tokens - len(Lane)


def test_the_oldest_go_first() -> None:
    talk = [LaneItem("first", 10), LaneItem("second", 10), LaneItem("third", 10)]

    left = cut(talk, 25, CutOrder.OLDEST_FIRST)

    assert [item.content for item in left.kept] == ["second", "third"]
    assert (left.cut, left.tokens) == (1, 20)


def test_history_has_no_holes() -> None:
    talk = [LaneItem("short", 1), LaneItem("long", 100), LaneItem("last", 10)]

    left = cut(talk, 50, CutOrder.OLDEST_FIRST)

    assert [item.content for item in left.kept] == ["last"]


def test_the_least_relevant_go_first_and_the_rest_keeps_its_order() -> None:
    found = [LaneItem("dull", 10, 0.1), LaneItem("good", 10, 0.5), LaneItem("best", 10, 0.9)]

    left = cut(found, 20, CutOrder.LEAST_RELEVANT_FIRST)

    assert [item.content for item in left.kept] == ["good", "best"]


@given(items=items, budget=budgets, order=st.sampled_from(CutOrder))
def test_a_cut_lane_is_never_over_its_budget(
    items: list[LaneItem[str]], budget: int, order: CutOrder
) -> None:
    left = cut(items, budget, order)

    assert left.tokens == sum(item.tokens for item in left.kept) <= budget
    assert left.cut == len(items) - len(left.kept)


@given(items=items, budget=budgets)
def test_what_is_kept_of_history_is_its_longest_end_that_fits(
    items: list[LaneItem[str]], budget: int
) -> None:
    left = cut(items, budget, CutOrder.OLDEST_FIRST)

    assert list(left.kept) == items[left.cut :]
    if left.cut:
        assert left.tokens + items[left.cut - 1].tokens > budget


@given(items=items, budget=budgets)
def test_what_is_kept_by_relevance_is_the_longest_start_of_the_ranking_that_fits(
    items: list[LaneItem[str]], budget: int
) -> None:
    ranked = sorted(items, key=lambda item: item.relevance, reverse=True)

    left = cut(items, budget, CutOrder.LEAST_RELEVANT_FIRST)

    best = ranked[: len(left.kept)]
    assert sorted(map(repr, left.kept)) == sorted(map(repr, best))
    places = iter(items)
    assert all(any(item is one for one in places) for item in left.kept)
    if left.cut:
        assert left.tokens + ranked[len(best)].tokens > budget
