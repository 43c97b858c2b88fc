"""The bell between what is committed and the relay, within one process."""

from asyncio import Event, sleep, timeout
from contextlib import suppress
from typing import Final, final

REST_SECONDS: Final = 0.2
"""How long a woken relay still waits, so that the events of many commits share one pass."""


@final
class ProcessRelayBell:
    """A `RelayBell` of one event loop. What other processes commit it does not hear."""

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        self._rest_seconds = rest_seconds
        self._rung = Event()

    def ring(self) -> None:
        self._rung.set()

    async def next_ring(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with timeout(seconds):
                await self._rung.wait()
                await sleep(self._rest_seconds)
        self._rung.clear()
