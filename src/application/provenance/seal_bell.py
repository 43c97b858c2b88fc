"""The bell between turns, the sealer and whoever waits for a receipt, within one process."""

from asyncio import Event, sleep, timeout
from contextlib import suppress
from typing import Final, final

REST_SECONDS: Final = 0.5
"""How long a woken sealer still waits, so that many turns share one pass."""


@final
class ProcessSealBell:
    """A `SealBell` of one event loop. What other processes do it does not hear."""

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        self._rest_seconds = rest_seconds
        self._records = Event()
        self._seals = Event()

    def record_written(self) -> None:
        self._records.set()

    def seal_written(self) -> None:
        """Wake everybody who waits now; who comes later waits for the next seal."""
        self._seals.set()
        self._seals = Event()

    async def next_record(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with timeout(seconds):
                await self._records.wait()
                await sleep(self._rest_seconds)
        self._records.clear()

    async def next_seal(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with timeout(seconds):
                await self._seals.wait()
