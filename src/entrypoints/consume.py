"""Take messages of other systems, and drive what comes of them, until told to stop."""

from dataclasses import replace
from typing import Final

import uvloop

from entrypoints.assembly.platform import Report, open_platform
from entrypoints.assembly.telemetry import written_logs
from entrypoints.failure import StartError
from entrypoints.grpc.lifecycle import stop_signals
from entrypoints.process import open_process
from entrypoints.settings.settings import Settings

STEP: Final = "consumers"

ASIDE: Final = "127.0.0.1:0"
"""Nobody is told of it: this process's API is there for nobody but itself."""


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
    """The settings of one process that consumes, whatever servers do."""
    kafka = settings.kafka
    consumers = replace(kafka.consumers, enabled=True)
    return settings.model_copy(
        update={
            "server": replace(settings.server, address=ASIDE, workers=1),
            "kafka": replace(kafka, consumers=consumers),
        }
    )


async def _consume(settings: Settings, report: Report) -> None:
    with stop_signals() as stop:
        async with (
            open_platform(settings, report) as platform,
            open_process(settings, platform) as process,
        ):
            report(STEP, f"group {settings.kafka.consumers.group}")
            await process.lifecycle.run(stop)
