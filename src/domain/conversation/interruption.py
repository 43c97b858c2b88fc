"""What becomes of a turn whose server was lost: decided by what is committed and what was shown."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

MOST_TAKE_OVERS: Final = 3
"""Servers may be lost with a turn so often without its getting any further. Then it is given up:
it may be what kills them."""


class AfterLoss(Enum):
    """What the server that took a turn over does with it."""

    CANCEL = "cancel"
    """Somebody had asked for it."""

    EXPIRE = "expire"
    """Its time is over."""

    GIVE_UP = "give up"
    """It was taken over too often and got no further."""

    FAIL = "fail"
    """A part of an answer may have been read, and its capsule lets nobody go on with it."""

    RESUME = "resume"
    """Go on from what is committed: of the model call at hand, nothing was written."""

    CONTINUE = "continue"
    """The part of an answer that was written stays; the model is asked for the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A turn whose server was lost.

    `text` tells whether some of the present answer is in written events, `continues` whether the
    capsule has it continued; `progressed` whether the lost server got further than the one before.
    """

    cancelled: bool
    seconds_left: float
    take_overs: int
    progressed: bool
    text: bool
    continues: bool


def after_loss(loss: Loss) -> AfterLoss:
    """What comes next: whoever asked to cancel is heard first, then the time that was given."""
    if loss.cancelled:
        return AfterLoss.CANCEL
    if loss.seconds_left <= 0:
        return AfterLoss.EXPIRE
    if loss.take_overs > MOST_TAKE_OVERS and not loss.progressed:
        return AfterLoss.GIVE_UP
    if not loss.text:
        return AfterLoss.RESUME
    return AfterLoss.CONTINUE if loss.continues else AfterLoss.FAIL
