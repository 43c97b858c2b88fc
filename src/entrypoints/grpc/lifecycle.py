"""From ready to gone: health follows readiness, and a signal ends it without losing a turn."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from entrypoints.background import stopped, told_of
from entrypoints.grpc.admission import Admission
from entrypoints.grpc.server import ApiServer
from entrypoints.readiness import Readiness

Drain: TypeAlias = Callable[[float], Awaitable[object]]
"""Lets turns end for so many seconds, then cancels those that have not."""

LOOK_SECONDS: Final = 1.0
LAST_SECONDS: Final = 1.0
"""How long calls that only watch may go on when every turn has ended."""

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Generator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second one does what it does by default."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        asked.set()
        for one in SIGNALS:
            loop.remove_signal_handler(one)

    for one in SIGNALS:
        loop.add_signal_handler(one, ask)
    try:
        yield asked
    finally:
        for one in SIGNALS:
            loop.remove_signal_handler(one)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What happens to a server between its start and its end."""

    server: ApiServer
    admission: Admission
    readiness: Readiness
    drain: Drain
    drain_seconds: float

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until the event is set, then drain and stop.

        From the first moment of draining no call is begun: a new one is refused with SHUTTING_DOWN
        and goes to another server. Streams that are open go on until their turns have ended.
        """
        await self.server.start()
        following = told_of(asyncio.create_task(self._follow(), name="health"))
        try:
            await stop.wait()
        finally:
            await stopped(following)
            await self._leave()

    async def _follow(self) -> None:
        while True:
            health = await self.readiness()
            await self.server.tell(serving=health.ready)
            await asyncio.sleep(LOOK_SECONDS)

    async def _leave(self) -> None:
        self.readiness.drain()
        self.admission.drain()
        await self.server.leave()
        closing = asyncio.create_task(self.server.stop(self.drain_seconds + LAST_SECONDS))
        await self.drain(self.drain_seconds)
        await self.server.stop(LAST_SECONDS)
        await closing
