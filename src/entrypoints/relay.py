"""Publish what was committed, and tell operators how it stands, until told to stop."""

from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import uvloop

from application.delivery.relay_bell import ProcessRelayBell
from application.delivery.relay_events import RelayEvents
from domain.kernel.identifiers import ServerId
from entrypoints.assembly.delivery import (
    create_topics,
    open_event_publisher,
    open_outbox,
    relay_of,
)
from entrypoints.assembly.platform import Report, open_schema
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.assembly.system import this_system
from entrypoints.assembly.telemetry import open_telemetry, written_logs
from entrypoints.background import running
from entrypoints.grpc.lifecycle import stop_signals
from entrypoints.http import OperatorsPort, bound, operators_port
from entrypoints.readiness import Readiness
from entrypoints.relaying import (
    CountedBacklog,
    left_in_order,
    outbox_answers,
    relaying,
    told,
    topics_made,
)
from entrypoints.settings.settings import Settings

STEP: Final = "relay"


def run(settings: Settings, report: Report) -> None:
    """Relay until SIGTERM or SIGINT. Blocks.

    Raises:
        StartError: A step of starting failed, with what to do.
    """
    with written_logs(settings):
        uvloop.run(_relay(settings, report))


async def _relay(settings: Settings, report: Report) -> None:
    secrets, system, http = SecretKeeper(settings), this_system(), settings.relay.http_address
    async with AsyncExitStack() as lifetimes:
        stop = lifetimes.enter_context(stop_signals())
        enter = lifetimes.enter_async_context
        telemetry = await enter(open_telemetry(settings.telemetry, secrets, system.clock))
        outbox = await enter(open_outbox(await enter(open_schema(settings, report))))
        publisher = telemetry.observed(await enter(open_event_publisher(settings, secrets)))
        backlog = CountedBacklog(outbox)
        telemetry.waiting(
            events=lambda: backlog.last.events, age=lambda: backlog.last.oldest_seconds
        )
        readiness = Readiness(
            checks={"database": partial(outbox_answers, outbox)}, clock=system.clock
        )
        port = OperatorsPort(readiness=readiness, exposition=telemetry.metrics.exposition)
        metrics = bound(http, await enter(operators_port(port, http)))
        relay = relay_of(
            settings.relay, ServerId(system.identifiers.next()), outbox, publisher, system, told
        )
        await enter(left_in_order(relay))
        await enter(running(backlog.run(), *_jobs(settings, secrets, relay)))
        broker = settings.kafka.bootstrap_servers or "in this process"
        report(STEP, f"{broker}, /metrics on {metrics}")
        await stop.wait()
        readiness.drain()


def _jobs(
    settings: Settings, secrets: SecretKeeper, relay: RelayEvents
) -> list[Coroutine[None, None, None]]:
    jobs = [relaying(relay, ProcessRelayBell(), settings.relay.poll_seconds)]
    if settings.kafka.bootstrap_servers and settings.kafka.create_topics:
        jobs.append(topics_made(partial(create_topics, settings, secrets)))
    return jobs
