"""When a message that could not be delivered, or not taken, is tried again, and when no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final


class Trouble(Enum):
    """What stood in the way."""

    AWAY = "away"
    """Something that every message needs is not there: nothing is counted against this one."""
    FAILED = "failed"
    """This message failed, and may pass when it is tried again."""
    REFUSED = "refused"
    """This message was refused for itself, and will hardly ever pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """Tries after pauses that double from `first` up to `cap`; `tries` None means without end."""

    tries: int | None
    first: timedelta
    cap: timedelta

    def pause(self, failures: int, fraction: float) -> timedelta | None:
        """How long to wait after so many failures; None when no more tries are left.

        Args:
            failures: How often it has failed by now, from 1.
            fraction: A random number in [0, 1): the pause is shorter by up to half of it, so that
                many who failed together do not come again together.
        """
        if self.tries is not None and failures >= self.tries:
            return None
        # The doubling stops long before a number of failures could overflow a duration.
        doubled = self.first * (1 << min(failures - 1, 30))
        return min(self.cap, doubled) * (1 - fraction / 2)


RETRY_RULES: Final[Mapping[Trouble, RetryRule]] = MappingProxyType(
    {
        Trouble.AWAY: RetryRule(
            tries=None, first=timedelta(milliseconds=250), cap=timedelta(seconds=15)
        ),
        Trouble.FAILED: RetryRule(
            tries=8, first=timedelta(milliseconds=500), cap=timedelta(minutes=1)
        ),
        Trouble.REFUSED: RetryRule(
            tries=3, first=timedelta(milliseconds=250), cap=timedelta(seconds=5)
        ),
    }
)
