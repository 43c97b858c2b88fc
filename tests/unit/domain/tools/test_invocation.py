"""Transitions of an invocation: which are allowed, and which may be told again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.kernel.errors import InvalidArgumentError
from domain.tools.errors import ApprovalExpiredError, InvocationAlreadyDecidedError
from domain.tools.invocation import Invocation, InvocationState, Resolution
from tests.builders import invocation
from tests.fakes import NOON

WAITING = invocation(state=InvocationState.PENDING_APPROVAL)
SOON = NOON + timedelta(hours=1)


def decide(call: Invocation, *, approved: bool = True) -> Invocation:
    return call.decide(approved=approved, by="eve", at=NOON)


def end(call: Invocation, state: InvocationState) -> Invocation:
    return call.end(state, result="done", reason="", at=NOON)


class TestDecide:
    @pytest.mark.parametrize(
        ("approved", "state"),
        [(True, InvocationState.PERMITTED), (False, InvocationState.REJECTED)],
    )
    def test_is_kept_with_who_and_when(self, *, approved: bool, state: InvocationState) -> None:
        decided = decide(WAITING, approved=approved)

        assert (decided.state, decided.decided_by, decided.decided_at) == (state, "eve", NOON)
        assert decide(decided, approved=approved) == decided

    @pytest.mark.parametrize("approved", [True, False])
    def test_is_not_changed(self, *, approved: bool) -> None:
        with pytest.raises(InvocationAlreadyDecidedError):
            decide(decide(WAITING, approved=approved), approved=not approved)

    def test_may_be_told_again_after_the_call_went_on(self) -> None:
        ended = end(decide(WAITING).start(NOON), InvocationState.SUCCEEDED)

        assert decide(ended) == ended

    def test_comes_too_late_once_the_time_is_over(self) -> None:
        overdue = replace(WAITING, expires_at=NOON)

        assert not overdue.waits(NOON)
        assert decide(overdue).state is InvocationState.EXPIRED
        with pytest.raises(InvocationAlreadyDecidedError):
            decide(decide(overdue))

    def test_is_in_time_before_that(self) -> None:
        waiting = replace(WAITING, expires_at=SOON)

        assert waiting.waits(NOON)
        assert decide(waiting).state is InvocationState.PERMITTED

    def test_is_refused_for_a_call_that_never_waited(self) -> None:
        with pytest.raises(InvocationAlreadyDecidedError):
            decide(invocation())


class TestEnd:
    @pytest.mark.parametrize("state", InvocationState)
    @pytest.mark.parametrize(
        "outcome",
        [InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.UNKNOWN],
    )
    def test_follows_only_a_start(self, state: InvocationState, outcome: InvocationState) -> None:
        call = invocation(state=state)

        if state is outcome:
            assert end(call, outcome) == call
        elif state is InvocationState.STARTED:
            assert end(call, outcome) == replace(
                call, state=outcome, result="done", finished_at=NOON
            )
        else:
            with pytest.raises(InvocationAlreadyDecidedError):
                end(call, outcome)


class TestResolution:
    FOUND = Resolution(
        state=InvocationState.FAILED, result="", note="nothing arrived", by="grace", at=NOON
    )

    @pytest.mark.parametrize("state", InvocationState)
    def test_follows_only_an_unknown_outcome(self, state: InvocationState) -> None:
        call = invocation(state=state)

        if state is InvocationState.UNKNOWN:
            resolved = call.resolve(self.FOUND)
            assert (resolved.state, resolved.reason) == (InvocationState.FAILED, "TOOL_FAILED")
        else:
            with pytest.raises(InvocationAlreadyDecidedError):
                call.resolve(self.FOUND)

    def test_may_be_told_again(self) -> None:
        resolved = invocation(state=InvocationState.UNKNOWN).resolve(self.FOUND)

        assert resolved.resolve(replace(self.FOUND, by="eve")) == resolved

    def test_is_not_changed(self) -> None:
        resolved = invocation(state=InvocationState.UNKNOWN).resolve(self.FOUND)

        with pytest.raises(InvocationAlreadyDecidedError):
            resolved.resolve(replace(self.FOUND, note="it arrived"))


class TestGivingUp:
    @pytest.mark.parametrize("state", InvocationState)
    def test_is_for_calls_that_were_not_started(self, state: InvocationState) -> None:
        call = invocation(state=state)

        if state in {InvocationState.PENDING_APPROVAL, InvocationState.PERMITTED}:
            given_up = call.give_up("TURN_CANCELLED", NOON)
            assert (given_up.reason, given_up.state.open) == ("TURN_CANCELLED", False)
        else:
            with pytest.raises(InvocationAlreadyDecidedError):
                call.give_up("TURN_CANCELLED", NOON)


class TestStart:
    def test_follows_a_permission(self) -> None:
        assert decide(WAITING).start(NOON).state is InvocationState.STARTED

    def test_happens_once(self) -> None:
        with pytest.raises(InvocationAlreadyDecidedError):
            decide(WAITING).start(NOON).start(NOON)

    def test_comes_within_the_time_of_the_approval(self) -> None:
        call = decide(replace(WAITING, expires_at=SOON))

        with pytest.raises(ApprovalExpiredError):
            call.start(SOON)


class TestTexts:
    def test_that_cannot_be_kept_are_refused_by_name(self) -> None:
        with pytest.raises(InvalidArgumentError) as refusal:
            replace(invocation(), result="a\0b").check_texts()

        assert refusal.value.facts["field"] == "invocations.result"


def test_only_states_with_a_follower_are_open() -> None:
    ended = {state for state in InvocationState if not state.open}

    assert ended == {
        InvocationState.SUCCEEDED,
        InvocationState.FAILED,
        InvocationState.DENIED,
        InvocationState.REJECTED,
        InvocationState.EXPIRED,
    }
