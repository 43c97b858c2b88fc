"""A server process of several, started by a parent that holds the engines."""

import asyncio
import sys

import uvloop

from entrypoints.assembly.telemetry import written_logs
from entrypoints.assembly.worker_order import READY, WorkerOrder, decode_order
from entrypoints.failure import StartError
from entrypoints.grpc.lifecycle import stop_signals
from entrypoints.process import open_process


async def _work(order: WorkerOrder) -> None:
    with stop_signals() as stop:
        leash = asyncio.create_task(_held_by(stop))
        async with open_process(order.settings, order.platform, order.index) as process:
            sys.stdout.buffer.write(READY + b"\n")
            sys.stdout.buffer.flush()
            await process.lifecycle.run(stop)
        leash.cancel()


async def _held_by(stop: asyncio.Event) -> None:
    """Stop when standard input ends: the parent lets go of us, or has died."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop.set()


def main() -> int:
    order = decode_order(sys.stdin.buffer.readline())
    with written_logs(order.settings):
        try:
            uvloop.run(_work(order))
        except StartError as error:
            sys.stderr.write(f"worker {order.index}: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
