"""The PostgreSQL that the service carries, for as long as it is used."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from adapters.postgres.embedded_lifetime import EmbeddedServer, Lifetime


@contextlib.asynccontextmanager
async def embedded_server(
    folder: Path, *, runtime: Path | None = None, durable: bool = True
) -> AsyncGenerator[EmbeddedServer]:
    """The server whose data lie in the folder: made on the first use, adopted where it still runs.

    Services that use one folder share its server; the last that leaves stops it. A server whose
    services were all killed goes on, and the next service adopts it. One that dies under us is
    started again within a second.

    Args:
        folder: Ours alone (0700); holds data, socket, logs and locks.
        runtime: Where the socket goes when the folder's name is too long for one; by default the
            system's folder for temporary files.
        durable: False forgets commits when the host fails: for throw-away servers.

    Raises:
        DatabaseSetupError: It cannot be started; the message says why and what to do.
    """
    lifetime = await asyncio.to_thread(Lifetime, folder, runtime=runtime, durable=durable)
    try:
        server = await asyncio.to_thread(lifetime.begin)
        watch = asyncio.create_task(_keep_alive(lifetime))
        try:
            yield server
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
    finally:
        await asyncio.shield(asyncio.to_thread(lifetime.end))


async def _keep_alive(lifetime: "Lifetime") -> None:
    while True:
        await asyncio.sleep(1)
        await asyncio.to_thread(lifetime.revive)
