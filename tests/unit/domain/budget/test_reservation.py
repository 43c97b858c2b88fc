"""A reservation's steps and ends: each once, in order, the first end standing."""

import pytest

from domain.budget.errors import ReservationEndedError
from domain.budget.reservation import Reservation, ReservationState
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import ReservationId
from tests.builders import EVENT, TENANT, hold
from tests.fakes import NOON


def reservation(state: ReservationState = ReservationState.HELD) -> Reservation:
    return Reservation(
        id=ReservationId(EVENT), tenant_id=TENANT, holds=(hold(),), state=state, expires_at=NOON
    )


def test_the_next_step_extends() -> None:
    assert reservation().extends(2, 3)


@pytest.mark.parametrize("state", ReservationState)
def test_a_step_taken_before_changes_nothing(state: ReservationState) -> None:
    assert not reservation(state).extends(2, 2)


def test_no_step_may_be_left_out() -> None:
    with pytest.raises(InvalidArgumentError):
        reservation().extends(2, 4)


@pytest.mark.parametrize("state", [ReservationState.SETTLED, ReservationState.RELEASED])
def test_what_ended_is_not_extended(state: ReservationState) -> None:
    with pytest.raises(ReservationEndedError):
        reservation(state).extends(0, 1)


@pytest.mark.parametrize("state", [ReservationState.SETTLED, ReservationState.RELEASED])
def test_an_end_stands(state: ReservationState) -> None:
    ended = reservation().ended(state)

    assert ended.state is state
    assert ended.ended(state) == ended


def test_an_end_is_not_changed() -> None:
    with pytest.raises(ReservationEndedError):
        reservation(ReservationState.SETTLED).ended(ReservationState.RELEASED)
