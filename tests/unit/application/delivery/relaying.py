"""A relay on an outbox in memory, with a publisher that tests hold in their hands."""

from asyncio import Event
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from adapters.protobuf.envelopes import envelope_of
from application.delivery.ports.outbox import Backlog, HeldBucket, Outbox, Place
from application.delivery.ports.publisher import PublisherCondition
from application.delivery.relay_events import RelayEvents, RelayTerms
from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.errors import PublisherAwayError
from domain.delivery.outgoing_event import OutgoingEvent
from domain.delivery.outgoing_message import OutgoingMessage
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import ServerId
from somagent.events.v1 import events_pb2 as pb
from tests.contract.outboxes import ONE, Outgoings
from tests.fakes import CountingIdentifiers, StoppedClock

SECOND: Final = 1.0

Told = tuple[str, int]
"""A key's name and the number of its event."""


@final
@dataclass(slots=True)
class HeldPublisher:
    """Acknowledges at once, save what tests withhold or let fail."""

    name_of: Callable[[str], str]
    arrived: list[Told] = field(default_factory=list[Told])
    begun: list[Told] = field(default_factory=list[Told])
    errors: dict[Told, Exception] = field(default_factory=dict[Told, Exception])
    gates: dict[Told, Event] = field(default_factory=dict[Told, Event])
    away: Exception | None = None
    missing: set[str] = field(default_factory=set[str])

    async def publish(self, message: OutgoingMessage) -> None:
        envelope = pb.Envelope.FromString(message.value)
        told = self.name_of(envelope.key), envelope.sequence
        self.begun.append(told)
        if self.away is not None:
            raise self.away
        if message.topic in self.missing:
            raise PublisherAwayError(f"{message.topic} is missing", message.topic)
        if (error := self.errors.get(told)) is not None:
            raise error
        if (gate := self.gates.get(told)) is not None:
            await gate.wait()
        self.arrived.append(told)

    async def condition(self) -> PublisherCondition:
        return PublisherCondition(name="held", version="", latency_seconds=0, problem="")

    def of(self, name: str) -> list[int]:
        """The numbers that arrived of one key, in order."""
        return [number for key, number in self.arrived if key == name]


@final
@dataclass(slots=True)
class InterruptedOutbox:
    """An outbox whose database is away when something is to be marked for the first time.

    It counts the pages that are read.
    """

    outbox: Outbox
    interruptions: int = 1
    pages: int = 0

    async def lease(self, relay_id: ServerId, seconds: float) -> Sequence[HeldBucket]:
        return await self.outbox.lease(relay_id, seconds)

    async def leave(self, relay_id: ServerId) -> None:
        await self.outbox.leave(relay_id)

    async def due(
        self, buckets: Sequence[int], after: Place | None, limit: int
    ) -> Sequence[OutgoingEvent]:
        self.pages += 1
        return await self.outbox.due(buckets, after, limit)

    async def mark_published(
        self, events: Sequence[OutgoingEvent], held: Sequence[HeldBucket]
    ) -> int:
        if self.interruptions:
            self.interruptions -= 1
            raise StorageUnavailableError
        return await self.outbox.mark_published(events, held)

    async def set_aside(
        self, event: OutgoingEvent, held: HeldBucket, letter: DeadLetter, content: Content
    ) -> bool:
        return await self.outbox.set_aside(event, held, letter, content)

    async def backlog(self, most: int) -> Backlog:
        return await self.outbox.backlog(most)


@final
@dataclass(slots=True, kw_only=True)
class Stage:
    """One relay with everything around it."""

    outgoings: Outgoings
    clock: StoppedClock
    publisher: HeldPublisher
    told: list[str]

    def relay(self, relay_id: ServerId = ONE, *, events: int = 1000) -> RelayEvents:
        return RelayEvents(
            relay_id=relay_id,
            outbox=self.outgoings.outbox,
            envelopes=envelope_of,
            publisher=self.publisher,
            clock=self.clock,
            identifiers=CountingIdentifiers("relay"),
            told=self.told.append,
            terms=RelayTerms(events=events),
        )


def stage_of(outgoings: Outgoings, clock: StoppedClock) -> Stage:
    def name_of(key: str) -> str:
        names = {str(known): name for name, known in outgoings.keys.items()}
        return names[key.rpartition("/")[2]]

    return Stage(outgoings=outgoings, clock=clock, publisher=HeldPublisher(name_of), told=[])
