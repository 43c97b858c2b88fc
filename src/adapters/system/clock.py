"""Time as the host tells it."""

from datetime import UTC, datetime, timedelta
from time import monotonic


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic()


class ShiftedClock:
    """A clock that was set wrong: ahead of the host's, or behind it."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return monotonic()
