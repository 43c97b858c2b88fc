"""Retries wait longer and longer, never beyond a cap, and end where their class says so."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.delivery.retry import RETRY_RULES, RetryRule, Trouble

troubles = st.sampled_from(Trouble)
failures = st.integers(min_value=1, max_value=10_000)
fractions = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(troubles, failures, fractions)
def test_a_pause_is_never_longer_than_the_cap_nor_shorter_than_half_the_first(
    trouble: Trouble, failed: int, fraction: float
) -> None:
    rule = RETRY_RULES[trouble]

    pause = rule.pause(failed, fraction)

    assert pause is None or rule.first / 2 <= pause <= rule.cap


@given(troubles, fractions)
def test_pauses_of_one_message_grow(trouble: Trouble, fraction: float) -> None:
    rule = RETRY_RULES[trouble]

    pauses = [rule.pause(failed, fraction) for failed in range(1, 40)]

    kept = [pause for pause in pauses if pause is not None]
    assert kept
    assert all(earlier <= later for earlier, later in pairwise(kept))


@given(failures, fractions)
def test_what_is_away_is_waited_for_without_end(failed: int, fraction: float) -> None:
    assert RETRY_RULES[Trouble.AWAY].pause(failed, fraction) is not None


@given(st.sampled_from([Trouble.FAILED, Trouble.REFUSED]), failures, fractions)
def test_a_message_is_tried_as_often_as_its_class_says(
    trouble: Trouble, failed: int, fraction: float
) -> None:
    rule = RETRY_RULES[trouble]
    assert rule.tries is not None

    assert (rule.pause(failed, fraction) is None) == (failed >= rule.tries)


@pytest.mark.parametrize(
    ("trouble", "tries"), [(Trouble.AWAY, None), (Trouble.FAILED, 8), (Trouble.REFUSED, 3)]
)
def test_the_classes_have_these_tries(trouble: Trouble, tries: int | None) -> None:
    assert RETRY_RULES[trouble].tries == tries


def test_those_who_failed_together_come_again_spread_over_half_the_pause() -> None:
    rule = RetryRule(tries=None, first=timedelta(seconds=1), cap=timedelta(seconds=8))

    assert rule.pause(3, 0.0) == timedelta(seconds=4)
    assert rule.pause(3, 0.5) == timedelta(seconds=3)
    assert rule.pause(9, 0.0) == timedelta(seconds=8)
