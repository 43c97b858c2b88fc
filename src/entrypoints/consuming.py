"""Consuming messages of other systems beside whatever else a process does."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from application.delivery.consume import Consume, ConsumerTerms
from application.delivery.ports.source import MessageSource
from application.kernel.anchored_clock import AnchoredClock
from entrypoints.assembly.failpoints import source_with
from entrypoints.container import Application
from entrypoints.grpc.admission import Admission
from entrypoints.inbound import take_inbound_of

LOG: Final = logging.getLogger("somagent.consumers")

AGAIN_SECONDS: Final = 5.0
"""The pause before a consumer that broke reads again, from what it had committed."""

_random = random.SystemRandom()


def consume_of(application: Application, admission: Admission, source: MessageSource) -> Consume:
    """A consumer that reads no more while this process has as many calls and turns as it takes."""
    system, drivers = application.system(), application.turns().drivers
    settings = application.settings().kafka.consumers

    def has_room() -> bool:
        return admission.in_flight + len(drivers) < admission.room.calls and not admission.draining

    return Consume(
        source=source_with(application.failpoints(), source),
        take=take_inbound_of(application, admission),
        letters=application.stores().dead_letters,
        tell=application.dead_letters().tell,
        observer=application.telemetry().consumption,
        clock=system.clock,
        times=AnchoredClock(times=application.stores().clock, clock=system.clock),
        identifiers=system.identifiers,
        has_room=has_room,
        fraction=_random.random,
        sleep=asyncio.sleep,
        terms=ConsumerTerms(
            in_flight=settings.in_flight, batch=settings.batch, unknown=settings.unknown_letters
        ),
    )


async def consuming(
    open_source: Callable[[], AbstractAsyncContextManager[MessageSource]],
    consume: Callable[[MessageSource], Consume],
) -> None:
    """Consume until cancelled; a reader whose name another took, and left, is opened anew."""
    while True:
        try:
            async with open_source() as source:
                await consume(source)()
        except Exception:
            LOG.exception("a consumer broke and reads again")
            await asyncio.sleep(AGAIN_SECONDS)
