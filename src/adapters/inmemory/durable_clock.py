"""The time by which whatever is kept begins and ends, in process memory."""

from dataclasses import dataclass
from datetime import datetime
from typing import final

from application.kernel.ports import Clock


@final
@dataclass(frozen=True, slots=True)
class InMemoryClock:
    """A `DurableClock`: the clock of the stores beside it."""

    clock: Clock

    async def now(self) -> datetime:
        return self.clock.now()
