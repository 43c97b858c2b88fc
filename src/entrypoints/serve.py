"""Serve until told to stop: one process by itself, or a parent with several."""

import asyncio
import sys
from typing import Final

import uvloop

from entrypoints.assembly.platform import Platform, Report, open_platform
from entrypoints.assembly.telemetry import written_logs
from entrypoints.assembly.worker_order import READY, WorkerOrder, encode_order
from entrypoints.failure import StartError
from entrypoints.grpc.lifecycle import stop_signals
from entrypoints.process import open_process
from entrypoints.settings.settings import Settings

RESTART_SECONDS: Final = 1.0
"""The pause before a worker that has died is started again."""


def run(settings: Settings, report: Report) -> None:
    """Serve until SIGTERM or SIGINT. Blocks.

    Args:
        settings: What the operator set; `server.workers` says how many processes serve.
        report: Told of each step of starting; the last is `server`, with the address.

    Raises:
        StartError: A step of starting failed, with what to do.
    """
    with written_logs(settings):
        uvloop.run(_serve(settings, report))


async def _serve(settings: Settings, report: Report) -> None:
    with stop_signals() as stop:
        async with open_platform(settings, report) as platform:
            if settings.server.workers == 1:
                await _serve_here(settings, platform, report, stop)
            else:
                await _serve_with_workers(settings, platform, report, stop)


async def _serve_here(
    settings: Settings, platform: Platform, report: Report, stop: asyncio.Event
) -> None:
    async with open_process(settings, platform) as process:
        report("server", _listening(settings))
        await process.lifecycle.run(stop)


def _listening(settings: Settings) -> str:
    return f"{settings.server.address}, /metrics on {settings.server.http_address}"


async def _serve_with_workers(
    settings: Settings, platform: Platform, report: Report, stop: asyncio.Event
) -> None:
    """Keep every worker running; when told to stop, let all of them drain, side by side.

    Raises:
        StartError: One of them did not start.
    """
    keepers: list[asyncio.Task[None]] = []
    try:
        for index in range(settings.server.workers):
            order = encode_order(WorkerOrder(settings, platform, index))
            first = await _spawn(order, index)
            keepers.append(asyncio.create_task(_keep(order, index, first)))
        report("server", f"{_listening(settings)}, {len(keepers)} workers")
        await stop.wait()
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


async def _keep(order: bytes, index: int, process: asyncio.subprocess.Process) -> None:
    try:
        while True:
            await process.wait()
            await asyncio.sleep(RESTART_SECONDS)
            process = await _spawn(order, index)
    finally:
        # Its standard input is the leash: closed, the worker drains and ends.
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _spawn(order: bytes, index: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "entrypoints.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    if process.stdin is None or process.stdout is None:
        raise StartError("server", f"worker {index} has no pipes", "this is a defect")
    process.stdin.write(order + b"\n")
    await process.stdin.drain()
    said = await process.stdout.readline()
    if said.strip() != READY:
        await process.wait()
        raise StartError("server", f"worker {index} did not start", "its log says why")
    return process
