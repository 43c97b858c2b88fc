"""One server process: what it opens, what it serves, and what it does besides."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from logging import getLogger
from typing import Final, final

from application.operations.describe_server import ServerIdentity
from application.provenance.seal_records import SealRecords
from domain.kernel.errors import DomainError
from domain.kernel.identifiers import ServerId
from entrypoints.assembly.delivery import (
    create_topics,
    open_event_publisher,
    open_source,
    relay_of,
)
from entrypoints.assembly.failpoints import (
    failpoints,
    models_with,
    publisher_with,
    stores_with,
    writer_with,
)
from entrypoints.assembly.http_tools import open_served_tools
from entrypoints.assembly.models import open_models, upstreams
from entrypoints.assembly.platform import Platform
from entrypoints.assembly.secrets import SecretKeeper, tls_of
from entrypoints.assembly.stores import Stores, open_stores, store_terms
from entrypoints.assembly.system import this_system
from entrypoints.assembly.telemetry import (
    open_telemetry,
)
from entrypoints.background import Repeated, hear, running
from entrypoints.consuming import consume_of, consuming
from entrypoints.container import Application
from entrypoints.grpc.conversation_resources import KIND_CODES
from entrypoints.grpc.lifecycle import Lifecycle
from entrypoints.grpc.methods import methods
from entrypoints.grpc.server import ApiServer, api_server
from entrypoints.http import OperatorsPort, operators_port
from entrypoints.readiness import Readiness
from entrypoints.reconciling import reconciling
from entrypoints.relaying import CountedBacklog, left_in_order, relaying, told, topics_made
from entrypoints.servicers import admission_of, servicers_of
from entrypoints.settings.settings import Settings
from entrypoints.tending import tending
from entrypoints.trace_context import TRACEPARENT
from entrypoints.version import VERSION

LOG: Final = getLogger("somagent.server")

MOST_EXPIRED: Final = 64
"""How many of them are ended in one pass."""

_COLLECTED_AFTER: Final = (20_000, 20, 50)
"""Objects, and collections of younger ones, after which each generation is collected."""

PROMOTED_SECONDS: Final = 1.0
"""How often a server looks for turns that were promoted for it, should a signal be lost."""

SEALED_SECONDS: Final = 0.9
"""How long a sealer sleeps at most: a record of a server that cannot wake it waits no longer."""

OUTAGE_SECONDS: Final = 2.0
"""How often an absent database is asked for what turns and receipts wait for: leases go on."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A process that is open and not serving yet; `lifecycle.run(stop)` serves."""

    application: Application
    api: ApiServer
    lifecycle: Lifecycle
    http_port: int


@asynccontextmanager
async def open_process(
    settings: Settings, platform: Platform, index: int = 0
) -> AsyncGenerator[ServerProcess]:
    """Open everything that one process needs; leaving closes it in the reverse order.

    Args:
        settings: What the operator set.
        platform: The engines of this machine, opened once for all its processes.
        index: The process's number among its siblings, from 0.

    Raises:
        StartError: Something cannot be opened, with what to do.
    """
    laboratory = settings.laboratory
    system = this_system(laboratory.clock_offset_seconds)
    points = failpoints(laboratory.failpoints)
    secrets = SecretKeeper(settings)
    server_id = ServerId(system.identifiers.next())
    async with AsyncExitStack() as lifetimes:
        enter = lifetimes.enter_async_context
        telemetry = await enter(open_telemetry(settings.telemetry, secrets, system.clock))
        stores = await enter(
            open_stores(
                platform.database,
                server_id,
                settings.turns.lease_seconds,
                TRACEPARENT.get,
                KIND_CODES,
                replace(store_terms(settings), writer=writer_with(points)),
            )
        )
        models = await enter(
            open_models(await upstreams(settings, platform.local_model, secrets), system.clock)
        )
        publisher = telemetry.observed(await enter(open_event_publisher(settings, secrets)))
        served_tools = await enter(open_served_tools(settings.tools, secrets))
        stores, models = stores_with(points, stores), models_with(points, models)
        publisher = publisher_with(points, publisher)
        application = Application(
            failpoints=points,
            settings=settings,
            identity=ServerIdentity(
                server_id=server_id,
                version=VERSION,
                profile=settings.profile.value,
                mode=settings.mode.value,
                started=system.clock.monotonic(),
                started_at=system.clock.now(),
            ),
            database_url=platform.database.request_url,
            system=system,
            stores=stores,
            models=models,
            publisher=publisher,
            keys=await secrets.keys(),
            telemetry=telemetry,
            served_tools=served_tools,
        )
        admission = admission_of(settings.server, application)
        telemetry.levels(
            calls=lambda: admission.in_flight, turns=lambda: len(application.turns().drivers)
        )
        telemetry.standing(lambda: application.operations().standing.standing)
        readiness = Readiness(
            checks={"database": partial(_database_answers, stores)}, clock=system.clock
        )
        api = await enter(
            api_server(
                settings.server,
                servicers_of(application, admission),
                methods(),
                await tls_of(settings, secrets),
            )
        )
        http_port = await enter(
            operators_port(
                OperatorsPort(readiness=readiness, exposition=telemetry.metrics.exposition),
                _nth(settings.server.http_address, index),
            )
        )
        backlog = CountedBacklog(stores.outbox)
        telemetry.waiting(
            events=lambda: backlog.last.events, age=lambda: backlog.last.oldest_seconds
        )
        jobs = [*_jobs(settings, application, stores), backlog.run()]
        if settings.relay.enabled:
            relay = relay_of(settings.relay, server_id, stores.outbox, publisher, system, told)
            await enter(left_in_order(relay))
            jobs.append(relaying(relay, stores.relay_bell, settings.relay.poll_seconds))
        if settings.kafka.bootstrap_servers and settings.kafka.create_topics:
            jobs.append(topics_made(partial(create_topics, settings, secrets)))
        if settings.kafka.bootstrap_servers and settings.kafka.consumers.enabled:
            jobs.append(
                consuming(
                    partial(open_source, settings, secrets, index),
                    partial(consume_of, application, admission),
                )
            )
        await enter(running(*jobs))
        # What was loaded and opened stays for good: a collection need not look at it each time.
        gc.collect()
        gc.freeze()
        # Turns leave few cycles behind: what little there is can wait for more of it.
        gc.set_threshold(*_COLLECTED_AFTER)
        yield ServerProcess(
            application=application,
            api=api,
            lifecycle=Lifecycle(
                server=api,
                admission=admission,
                readiness=readiness,
                drain=partial(_drain, application),
                drain_seconds=settings.server.drain_seconds,
            ),
            http_port=http_port,
        )


async def _drain(application: Application, seconds: float) -> None:
    """Let turns, and tools that clients called by themselves, end."""
    await asyncio.gather(
        application.turns().drivers.drain(seconds),
        application.tool_calls().running.drain(seconds),
    )


async def _database_answers(stores: Stores) -> str:
    """Empty when the database answers; what is wrong otherwise."""
    try:
        await stores.credentials.tenant("platform")
    except DomainError as refusal:
        return str(refusal)
    return ""


def _nth(address: str, index: int) -> str:
    """The address whose port is so many above; port 0 stays 0."""
    host, _, port = address.rpartition(":")
    return address if port == "0" else f"{host}:{int(port) + index}"


async def _sealed_a_batch(seal: SealRecords) -> bool:
    """One pass; whether more may wait."""
    return await seal() >= seal.batch


def _jobs(
    settings: Settings, application: Application, stores: Stores
) -> list[Coroutine[None, None, None]]:
    """What runs beside the calls, in every process; the work is shared by leases."""
    turns = application.turns()
    interval, tended = settings.turns.keep_interval_seconds, settings.retention.interval_seconds
    jobs = [
        Repeated(
            name="keeping turns",
            step=turns.drivers.keep,
            seconds=interval,
            longest_pause=OUTAGE_SECONDS,
        ),
        Repeated(
            name="sealing records",
            step=partial(_sealed_a_batch, application.seal()),
            seconds=SEALED_SECONDS,
            wake=application.bell().next_record,
            longest_pause=OUTAGE_SECONDS,
        ),
        Repeated(
            name="sweeping turns",
            step=turns.sweep,
            seconds=settings.turns.sweep_interval_seconds,
            longest_pause=OUTAGE_SECONDS,
        ),
        Repeated(
            name="going on with decided turns",
            step=turns.sweep_decided,
            seconds=settings.turns.sweep_interval_seconds,
            longest_pause=OUTAGE_SECONDS,
        ),
        Repeated(
            name="promoted turns",
            step=turns.start_promoted,
            seconds=PROMOTED_SECONDS,
            longest_pause=OUTAGE_SECONDS,
        ),
        Repeated(
            name="expired reservations",
            step=partial(application.budget().release_expired, MOST_EXPIRED),
            seconds=settings.turns.sweep_interval_seconds,
        ),
        Repeated(
            name="lost calls",
            step=partial(application.tool_calls().recover_lost, MOST_EXPIRED),
            seconds=settings.turns.sweep_interval_seconds,
            longest_pause=OUTAGE_SECONDS,
        ),
        Repeated(
            name="approvals",
            step=partial(application.tool_calls().tend_approvals, MOST_EXPIRED),
            seconds=settings.turns.sweep_interval_seconds,
        ),
        Repeated(
            name="budget warnings",
            step=partial(application.budget().announce_warnings, MOST_EXPIRED),
            seconds=settings.budgets.warning_interval_seconds,
        ),
        *tending(stores.storage, stores.retention, tended),
        *reconciling(settings, application),
    ]
    return [
        *(job.run() for job in jobs),
        hear("signals", stores.signals.listen, turns.hear),
    ]
