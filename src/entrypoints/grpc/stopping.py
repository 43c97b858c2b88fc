"""How a gRPC server is stopped more than once without harm."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, final

FOREVER: Final = 86_400.0 * 365
"""Seconds: how long gRPC would itself let calls go on. When that is over is decided here."""


@final
class Stops:
    """The stops of one server, of which each may be for sooner than the one before.

    `grpc.aio.Server.stop` says that it may be called at any time. But where the time of one call is
    over in the moment in which another has ended the server, it cancels the calls of a server that
    is no more, and the process dies of it (gRPC 1.85: `grpc_server_cancel_all_calls` on a null
    pointer). So no time of gRPC's own is ever over: it is only told to cancel at once, which it
    does before anything else can happen.
    """

    def __init__(self, stop: Callable[[float | None], Coroutine[None, None, None]]) -> None:
        self._stop = stop
        self._stopping: asyncio.Task[None] | None = None

    async def __call__(self, seconds: float) -> None:
        """Accept no more calls, and cancel those that still run after so long."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(FOREVER), name="stopping")
        await asyncio.wait({self._stopping}, timeout=seconds)
        if not self._stopping.done():
            # To its end: what it waits for is all stops', and would be cancelled with this one.
            await asyncio.shield(asyncio.create_task(self._stop(None), name="cancelling calls"))
            await asyncio.wait({self._stopping})
