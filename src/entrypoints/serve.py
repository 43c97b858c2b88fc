"""Serve until told to stop: one process by itself, or a parent with several."""

import asyncio
import socket
import sys
from contextlib import suppress
from logging import getLogger
from typing import Final

import uvloop

from entrypoints.assembly.platform import Platform, Report, open_platform
from entrypoints.assembly.telemetry import written_logs
from entrypoints.assembly.worker_order import READY, WorkerOrder, encode_order
from entrypoints.failure import StartError
from entrypoints.grpc.lifecycle import stop_signals
from entrypoints.http import bound
from entrypoints.process import open_process
from entrypoints.settings.settings import Settings
from entrypoints.settings.values import host_of

LOG: Final = getLogger("somagent.server")

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
        api, http = settings.server.address, settings.server.http_address
        report("server", _listening(bound(api, process.api.port), bound(http, process.http_port)))
        await process.lifecycle.run(stop)


def _listening(address: str, http_address: str) -> str:
    return f"{address}, /metrics on {http_address}"


async def _serve_with_workers(
    settings: Settings, platform: Platform, report: Report, stop: asyncio.Event
) -> None:
    """Keep every worker running; when told to stop, let all of them drain, side by side.

    Raises:
        StartError: The port is taken, or one of them did not start.
    """
    server = settings.server
    _refuse_taken(server.address)
    keepers: list[asyncio.Task[None]] = []
    try:
        orders = [
            encode_order(WorkerOrder(settings, platform, index)) for index in range(server.workers)
        ]
        begun = [await _begin(order) for order in orders]
        keepers = [
            asyncio.create_task(_keep(order, index, process))
            for index, (order, process) in enumerate(zip(orders, begun, strict=True))
        ]
        for index, process in enumerate(begun):
            if not await _is_ready(process):
                raise StartError("server", f"worker {index} did not start", "its log says why")
        workers = f"{len(keepers)} workers"
        report("server", f"{_listening(server.address, server.http_address)}, {workers}")
        await stop.wait()
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


def _refuse_taken(address: str) -> None:
    """Raise when somebody listens there: workers share their port, with strangers too.

    Raises:
        StartError: It is taken, or is no address of this machine.
    """
    try:
        places = socket.getaddrinfo(
            host_of(address), address.rpartition(":")[2], type=socket.SOCK_STREAM
        )
        for family, kind, protocol, _, place in places:
            with socket.socket(family, kind, protocol) as probe:
                # What is left of connections that were closed is not in the way.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
    except OSError as error:
        raise StartError(
            "grpc",
            f"{address} cannot be listened on: {error.strerror or error}",
            "stop what listens there (another somagent?), or set server.address to another one",
        ) from None


async def _keep(order: bytes, index: int, process: asyncio.subprocess.Process) -> None:
    """Start the worker again whenever it ends. When cancelled, let it drain and wait for it."""
    try:
        while True:
            code = await process.wait()
            LOG.error("worker %d ended and is started again", index, extra={"code": code})
            await asyncio.sleep(RESTART_SECONDS)
            process = await _begin(order)
            await _is_ready(process)
    finally:
        # Its standard input is the leash: closed, the worker drains and ends.
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _begin(order: bytes) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "entrypoints.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    if process.stdin is not None:
        # One that has died already is found by whoever waits for it.
        with suppress(ConnectionError):
            process.stdin.write(order + b"\n")
            await process.stdin.drain()
    return process


async def _is_ready(process: asyncio.subprocess.Process) -> bool:
    """Wait until a worker says that it serves; False when it has ended instead."""
    said = b"" if process.stdout is None else await process.stdout.readline()
    return said.strip() == READY
