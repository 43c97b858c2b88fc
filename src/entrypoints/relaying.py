"""Relaying beside whatever else a process does: begun, kept up, and left in order."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, final

from application.delivery.ports.bell import RelayBell
from application.delivery.ports.outbox import Backlog, Outbox
from application.delivery.relay_events import RelayEvents
from domain.delivery.errors import PublisherAwayError
from domain.kernel.errors import DomainError, StorageUnavailableError
from entrypoints.background import Repeated

LOG: Final = logging.getLogger("somagent.relay")

TOPICS_SECONDS: Final = 5.0
"""The pause before topics that could not be made are tried again."""


BACKLOG_SECONDS: Final = 15.0
"""How often what waits in the outbox is counted, for the metrics."""

NOTHING: Final = Backlog(0, 0.0)

MOST_COUNTED: Final = 10_000


@final
@dataclass(slots=True)
class CountedBacklog:
    """What waited when it was last counted."""

    outbox: Outbox
    last: Backlog = NOTHING

    async def count(self) -> None:
        self.last = await self.outbox.backlog(MOST_COUNTED)

    def run(self) -> Coroutine[None, None, None]:
        """Count until cancelled."""
        return Repeated(name="outbox backlog", step=self.count, seconds=BACKLOG_SECONDS).run()


async def outbox_answers(outbox: Outbox) -> str:
    """Empty when the outbox can be read; what is wrong otherwise."""
    try:
        await outbox.backlog(1)
    except DomainError as refusal:
        return str(refusal)
    return ""


def told(cause: str) -> None:
    """What a `RelayEvents` tells of its publisher, as lines of the log."""
    if cause:
        LOG.warning("events wait in the outbox: %s", cause)
    else:
        LOG.info("events are published again")


def relaying(relay: RelayEvents, bell: RelayBell, seconds: float) -> Coroutine[None, None, None]:
    """Relay until cancelled: woken by the bell, else after so many seconds."""
    return Repeated(name="relaying events", step=relay, seconds=seconds, wake=bell.next_ring).run()


@asynccontextmanager
async def left_in_order(relay: RelayEvents) -> AsyncGenerator[None]:
    """Give the relay's buckets back at the end, when it is no longer run."""
    try:
        yield
    finally:
        try:
            await relay.stop()
        except StorageUnavailableError:
            LOG.warning("the relay's keys come free when its lease ends: the database is away")


async def topics_made(
    create: Callable[[], Awaitable[Sequence[str]]], seconds: float = TOPICS_SECONDS
) -> None:
    """Make topics, as soon as there is a cluster that does; try every so many seconds."""
    while True:
        try:
            made = await create()
        except PublisherAwayError as away:
            LOG.warning("topics are not made yet: %s", away)
            await asyncio.sleep(seconds)
        else:
            LOG.info("topics are there", extra={"made": len(made)})
            return
