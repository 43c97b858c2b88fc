"""Apache Kafka for the bench, by the project's own script."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from bench.processes import BenchFailedError

SCRIPT: Final = Path(__file__).parents[1] / "infra" / "engines" / "kafka.sh"
READY_SECONDS: Final = "300"


@final
@dataclass(frozen=True, slots=True)
class Brokers:
    """Brokers with their data in a folder."""

    folder: Path
    count: int

    async def start(self) -> None:
        """Start those that do not run, and wait until all answer."""
        await _run("start", str(self.folder), str(self.count))
        await _run("wait", str(self.folder), READY_SECONDS)

    async def restart_one(self) -> None:
        """Kill the first at once, and start it again."""
        await _run("kill", str(self.folder), "1")
        await self.start()

    async def bootstrap_servers(self) -> str:
        return await _run("bootstrap", str(self.folder))


@asynccontextmanager
async def open_brokers(folder: Path, count: int) -> AsyncGenerator[Brokers]:
    """Raises: BenchFailedError: Kafka was not fetched, or does not start."""
    brokers = Brokers(folder, count)
    try:
        await brokers.start()
        yield brokers
    finally:
        await _run("stop", str(folder))


async def _run(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        str(SCRIPT), *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise BenchFailedError(f"kafka.sh {arguments[0]} failed; was it fetched? make engines")
    return said.decode().strip()
