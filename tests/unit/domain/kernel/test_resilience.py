from datetime import timedelta

import pytest

from domain.kernel.resilience import (
    BREAKERS,
    IDEMPOTENCY_RETENTION,
    MEMORY_RETRIES,
    TURN_DEADLINE,
    WHEN_DOWN,
    Degradation,
    turn_seconds,
)


def test_the_breakers_are_those_of_the_figures() -> None:
    assert {
        guarded.value: (terms.failures, terms.half_open_after.total_seconds())
        for guarded, terms in BREAKERS.items()
    } == {"memory": (3, 15), "tool": (5, 30), "provider": (5, 60)}


def test_the_other_figures_are_these() -> None:
    assert MEMORY_RETRIES.retries == 2
    assert MEMORY_RETRIES.first == timedelta(milliseconds=150)
    assert timedelta(seconds=300) == TURN_DEADLINE
    assert timedelta(hours=24) == IDEMPOTENCY_RETENTION


def test_the_degradation_levels_are_these_in_this_order() -> None:
    assert [level.value for level in sorted(Degradation)] == [
        "none", "minor", "moderate", "severe", "critical",
    ]  # fmt: skip


def test_what_a_turn_does_without_a_dependency() -> None:
    assert {down.value: then.value for down, then in WHEN_DOWN.items()} == {
        "database": "refuse",
        "models": "fail_turn",
        "cache": "degrade",
        "permission_service": "fall_back_or_deny",
        "policy_engine": "cached_or_deny",
        "memory": "degrade_and_queue",
        "event_broker": "queue",
        "billing": "queue_or_dead_letter",
    }


@pytest.mark.parametrize(
    ("retry", "fraction", "milliseconds"),
    [(1, 0.0, 150), (1, 0.5, 187.5), (2, 0.0, 300), (2, 1.0, 450)],
)
def test_retries_wait_exponentially_and_are_spread_by_half(
    retry: int, fraction: float, milliseconds: float
) -> None:
    assert MEMORY_RETRIES.delay(retry, fraction) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize(("asked", "given"), [(None, 300), (10, 10), (1_000, 300), (-1, 0)])
def test_a_turn_has_the_clients_time_up_to_the_most(asked: float | None, given: float) -> None:
    assert turn_seconds(asked, 300.0) == given
