"""Apache Kafka for a laboratory: killed, stopped, or cut off by a line of ours."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.crash.line import Line, line_to
from tests.plugins.kafka import KafkaBrokers
from tests.system.ports import free_ports


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that others may use as well, or one's own behind a line that begins at `port`."""

    brokers: KafkaBrokers
    port: int = 0

    async def kill(self) -> None:
        await asyncio.to_thread(self.brokers.kill)

    async def start(self) -> None:
        """Bring it back, with all that it had acknowledged."""
        await asyncio.to_thread(self.brokers.start)

    def stand_still(self) -> None:
        self.brokers.tell(signal.SIGSTOP)

    def go_on(self) -> None:
        self.brokers.tell(signal.SIGCONT)


@contextmanager
def own_broker(folder: Path) -> Generator[Broker]:
    """A broker with its data in a folder, and a line before it; stopped at the end."""
    (port,) = free_ports(1)
    broker = Broker(KafkaBrokers(folder, f"127.0.0.1:{port}"), port)
    try:
        broker.brokers.start()
        yield broker
    finally:
        broker.brokers.stop()


@asynccontextmanager
async def reached(broker: Broker) -> AsyncGenerator[Line | None]:
    """The line to a broker, while it is there; None for one that is reached directly."""
    if not broker.port:
        yield None
        return
    far_end = partial(asyncio.open_connection, "127.0.0.1", broker.brokers.port)
    async with line_to(far_end, broker.port) as line:
        yield line
