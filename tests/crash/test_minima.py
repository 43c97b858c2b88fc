"""A run in which little happens, or much is excused, does not pass."""

import grpc
import pytest

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.crash.checker.excuses import FEW, check_excuses
from tests.crash.checker.violation import Kind
from tests.crash.evidence import Asked, Evidence, Refusal
from tests.crash.runs import LEAST_ANSWERS, LEAST_DEEDS, Run, judge
from tests.system.client import RefusedError


def asked(kind: str, reason: str = "") -> Asked:
    """A message that was answered, or whose turn failed for a reason."""
    one = Asked(tenant="acme", session="s", request_id="r", kind=kind, ident="i")
    event = pb.TurnEvent(sequence=1)
    if reason:
        event.failed.error.reason = reason
    else:
        event.completed.text = "Good day."
    one.heard.append(event)
    return one


def turned_away(times: int, reason: str, code: grpc.StatusCode) -> Evidence:
    error = RefusedError(code, "no", reason)
    refusal = Refusal(request="ProcessMessageRequest", error=error)
    return Evidence(refusals=[refusal] * times)


def test_a_run_in_which_enough_was_done_passes() -> None:
    evidence = Evidence(asked=[asked("tool") for _ in range(max(LEAST_ANSWERS, LEAST_DEEDS))])

    judge(Run(evidence=evidence, found=[]))


@pytest.mark.parametrize(("kind", "times"), [("plain", LEAST_ANSWERS), ("tools", LEAST_DEEDS // 2)])
def test_a_run_in_which_little_was_done_does_not(kind: str, times: int) -> None:
    evidence = Evidence(asked=[asked(kind) for _ in range(times)])

    with pytest.raises(AssertionError, match="too few"):
        judge(Run(evidence=evidence, found=[]))


@pytest.mark.parametrize("reason", ["DATABASE_UNAVAILABLE", "MODEL_TIMED_OUT"])
def test_turns_that_fail_again_and_again_for_nothing_are_a_finding(reason: str) -> None:
    evidence = Evidence(asked=[asked("plain", reason) for _ in range(FEW + 1)])

    assert [one.kind for one in check_excuses(evidence)] == [Kind.STUCK]


def test_a_model_that_was_made_to_stall_excuses_its_turns() -> None:
    evidence = Evidence(asked=[asked("halt", "MODEL_TIMED_OUT") for _ in range(FEW + 1)])

    assert list(check_excuses(evidence)) == []


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("OVERLOADED", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("DEADLINE_EXCEEDED", grpc.StatusCode.DEADLINE_EXCEEDED),
        ("DATABASE_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_refusals_without_end_are_a_finding(reason: str, code: grpc.StatusCode) -> None:
    assert list(check_excuses(turned_away(FEW, reason, code))) == []
    assert {one.kind for one in check_excuses(turned_away(FEW + 1, reason, code))} == {Kind.STUCK}


def test_where_the_database_was_taken_away_they_are_excused() -> None:
    evidence = turned_away(99, "DATABASE_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE)
    evidence.troubled = True

    assert list(check_excuses(evidence)) == []
