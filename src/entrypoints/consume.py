"""Take messages of other systems, and drive what comes of them, until told to stop."""

from dataclasses import replace
from typing import Final

import uvloop

from entrypoints.assembly.platform import Report, open_platform
from entrypoints.assembly.telemetry import written_logs
from entrypoints.failure import StartError
from entrypoints.grpc.lifecycle import stop_signals
from entrypoints.grpc.server import NOWHERE
from entrypoints.http import bound
from entrypoints.process import open_process
from entrypoints.settings.serving import TlsSettings
from entrypoints.settings.settings import Settings

STEP: Final = "consumers"


def run(settings: Settings, report: Report) -> None:
    """Consume until SIGTERM or SIGINT; turns may end first, as a server's. Blocks.

    Raises:
        StartError: A step of starting failed, with what to do.
    """
    if not settings.kafka.bootstrap_servers:
        raise StartError(
            STEP, "no broker is configured", "set kafka.bootstrap_servers to where Kafka is"
        )
    with written_logs(settings):
        uvloop.run(_consume(alone(settings), report))


def alone(settings: Settings) -> Settings:
    """The settings of one process that consumes and serves no clients, whatever servers do."""
    consumers = replace(settings.kafka.consumers, enabled=True)
    server = replace(
        settings.server,
        address=NOWHERE,
        http_address=consumers.http_address,
        workers=1,
        tls=TlsSettings(),
        channelz=False,
    )
    kafka = replace(settings.kafka, consumers=consumers)
    return settings.model_copy(update={"server": server, "kafka": kafka})


async def _consume(settings: Settings, report: Report) -> None:
    with stop_signals() as stop:
        async with (
            open_platform(settings, report) as platform,
            open_process(settings, platform) as process,
        ):
            group = settings.kafka.consumers.group
            metrics = bound(settings.server.http_address, process.http_port)
            report(STEP, f"group {group}, /metrics on {metrics}")
            await process.lifecycle.run(stop)
