"""The database of a laboratory: `python -m tests.crash.database FOLDER`, until its input ends.

A process of its own, because a PostgreSQL that was killed is started again by forking, and a
process in which gRPC runs is not to be forked.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.postgres.embedded import embedded_server
from adapters.postgres.embedded_lifetime import EmbeddedServer
from tests.plugins.keeper import ends_postgres


@asynccontextmanager
async def database_in(folder: Path) -> AsyncGenerator[EmbeddedServer]:
    """A PostgreSQL with its data in the folder. It comes back by itself when it is killed."""
    ends_postgres(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.database",
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # it ends with whoever holds its input, not at their signals
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process without its pipes")
    try:
        told = await process.stdout.readline()
        if not told:
            raise AssertionError("the database did not start; it said why above")
        yield EmbeddedServer(Path(told.decode().strip()))
    finally:
        process.stdin.close()
        await process.wait()


async def _serve(folder: Path) -> None:
    async with embedded_server(folder, durable=False) as server:
        sys.stdout.write(f"{server.socket_folder}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
