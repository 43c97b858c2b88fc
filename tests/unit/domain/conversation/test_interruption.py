"""What becomes of a turn whose server was lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.conversation.interruption import MOST_TAKE_OVERS, AfterLoss, Loss, after_loss


def loss(
    *,
    cancelled: bool = False,
    seconds_left: float = 60.0,
    take_overs: int = 1,
    progressed: bool = False,
    text: bool = False,
    continues: bool = False,
) -> Loss:
    return Loss(
        cancelled=cancelled,
        seconds_left=seconds_left,
        take_overs=take_overs,
        progressed=progressed,
        text=text,
        continues=continues,
    )


@pytest.mark.parametrize(
    ("lost", "after"),
    [
        (loss(), AfterLoss.RESUME),
        (loss(continues=True), AfterLoss.RESUME),
        (loss(text=True), AfterLoss.FAIL),
        (loss(text=True, continues=True), AfterLoss.CONTINUE),
        (loss(seconds_left=0.0), AfterLoss.EXPIRE),
        (loss(seconds_left=-1.0, text=True, continues=True), AfterLoss.EXPIRE),
        (loss(cancelled=True), AfterLoss.CANCEL),
        (loss(cancelled=True, seconds_left=-1.0), AfterLoss.CANCEL),
        (loss(cancelled=True, take_overs=MOST_TAKE_OVERS + 1), AfterLoss.CANCEL),
        (loss(take_overs=MOST_TAKE_OVERS), AfterLoss.RESUME),
        (loss(take_overs=MOST_TAKE_OVERS + 1), AfterLoss.GIVE_UP),
        (loss(take_overs=MOST_TAKE_OVERS + 1, text=True), AfterLoss.GIVE_UP),
        (
            loss(take_overs=MOST_TAKE_OVERS + 1, progressed=True, text=True, continues=True),
            AfterLoss.CONTINUE,
        ),
    ],
)
def test_what_comes_next_follows_from_what_is_committed_and_shown(
    lost: Loss, after: AfterLoss
) -> None:
    assert after_loss(lost) is after


losses = st.builds(
    loss,
    cancelled=st.booleans(),
    seconds_left=st.floats(-10, 10),
    take_overs=st.integers(1, 10),
    progressed=st.booleans(),
    text=st.booleans(),
    continues=st.booleans(),
)


@given(losses)
def test_nobody_goes_on_with_a_turn_whose_time_is_over(lost: Loss) -> None:
    goes_on = after_loss(lost) in {AfterLoss.RESUME, AfterLoss.CONTINUE}

    assert not goes_on or lost.seconds_left > 0


@given(losses)
def test_an_answer_that_was_shown_is_never_begun_anew(lost: Loss) -> None:
    assert not (lost.text and after_loss(lost) is AfterLoss.RESUME)


@given(losses)
def test_a_turn_that_kills_its_servers_ends(lost: Loss) -> None:
    goes_on = after_loss(lost) in {AfterLoss.RESUME, AfterLoss.CONTINUE}

    assert not goes_on or lost.progressed or lost.take_overs <= MOST_TAKE_OVERS
