"""The database's time for those who ask often, or for anybody: asked for now and then."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, final

from application.kernel.ports import Clock, DurableClock
from application.kernel.timed_cache import TimedCache
from domain.kernel.errors import StorageUnavailableError

ANCHOR_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """What time it was at a reading of the monotonic clock."""

    time: datetime
    monotonic: float


@final
@dataclass(slots=True, kw_only=True)
class AnchoredClock:
    """A `DurableClock`: asks the one behind it once in `ANCHOR_SECONDS`, however often it is asked.

    In between the monotonic clock counts. Where the database does not answer it counts on from the
    last answer; only before the first one this raises.
    """

    times: DurableClock
    clock: Clock
    last: Anchor | None = None
    known: TimedCache[None, Anchor] = field(init=False)

    def __post_init__(self) -> None:
        self.known = TimedCache(self.clock, seconds=ANCHOR_SECONDS, capacity=1)

    async def now(self) -> datetime:
        try:
            self.last = anchor = await self.known.get(None, self._ask)
        except StorageUnavailableError:
            if self.last is None:
                raise
            anchor = self.last
        return anchor.time + timedelta(seconds=self.clock.monotonic() - anchor.monotonic)

    async def _ask(self) -> Anchor:
        time = await self.times.now()
        # Read after the answer: this clock is behind by the way of the answer, never ahead.
        return Anchor(time, self.clock.monotonic())
