"""Which failures of turns the checker believes, by what is stored of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.conversation.interruption import MOST_TAKE_OVERS
from domain.conversation.turn import Failure
from tests.crash.checker.failures import Failed, has_cause

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

EARLY = Failed(
    failure=Failure(kind="unavailable", reason="INTERNAL", message="no", facts={}),
    accepted_at=BEGAN,
    deadline_at=BEGAN + timedelta(seconds=20),
    finished_at=BEGAN + timedelta(seconds=2),
    take_overs=0,
    limited=False,
    text=False,
    continues=False,
)
LATE = replace(EARLY, finished_at=EARLY.deadline_at)
LIMITED = replace(EARLY, limited=True)
SHOWN = replace(EARLY, text=True)


def of(failed: Failed, reason: str, cause: str = "") -> Failed:
    """The same turn with another failure."""
    return replace(failed, failure=replace(failed.failure, reason=reason, facts={"cause": cause}))


@pytest.mark.parametrize(
    "failed",
    [
        of(EARLY, "DATABASE_UNAVAILABLE"),
        of(LIMITED, "BUDGET_EXHAUSTED"),
        of(LATE, "DEADLINE_EXCEEDED"),
        of(LATE, "MODEL_TIMED_OUT"),
        of(LATE, "TURN_ABANDONED", "deadline"),
        of(SHOWN, "TURN_ABANDONED", "answer_shown"),
        of(replace(EARLY, take_overs=MOST_TAKE_OVERS + 1), "TURN_ABANDONED", "take_overs"),
        of(replace(SHOWN, continues=True, limited=True), "TURN_ABANDONED", "no_room"),
    ],
)
def test_a_failure_that_the_stored_facts_bear_out_is_believed(failed: Failed) -> None:
    assert has_cause(failed)


@pytest.mark.parametrize(
    "failed",
    [
        of(LATE, "INTERNAL"),
        of(LATE, "MODEL_FAILED"),
        of(EARLY, "BUDGET_EXHAUSTED"),
        of(EARLY, "DEADLINE_EXCEEDED"),
        of(EARLY, "MODEL_TIMED_OUT"),
        of(LATE, "TURN_ABANDONED"),
        of(EARLY, "TURN_ABANDONED", "deadline"),
        of(EARLY, "TURN_ABANDONED", "answer_shown"),
        of(replace(SHOWN, continues=True), "TURN_ABANDONED", "answer_shown"),
        of(replace(EARLY, take_overs=MOST_TAKE_OVERS), "TURN_ABANDONED", "take_overs"),
        of(SHOWN, "TURN_ABANDONED", "no_room"),
    ],
)
def test_a_failure_that_nothing_bears_out_is_a_finding(failed: Failed) -> None:
    assert not has_cause(failed)
