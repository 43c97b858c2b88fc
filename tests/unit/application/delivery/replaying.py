"""What replays lean on: letters of this process, a publisher and a consumer that are told."""

from dataclasses import dataclass, field
from typing import final

from adapters.inmemory.dead_letters import InMemoryDeadLetters
from adapters.inmemory.durable_clock import InMemoryClock
from application.delivery.letter_audit import LetterAudit
from application.delivery.ports.publisher import PublisherCondition
from application.delivery.ports.taking import NotTaken
from application.delivery.replay_dead_letters import ReplayDeadLetters
from domain.delivery.incoming_message import IncomingMessage
from domain.delivery.outgoing_message import OutgoingMessage
from tests.builders import TENANT
from tests.fakes import CountingIdentifiers, StoppedClock


@final
@dataclass(slots=True)
class KeepingPublisher:
    """An `EventPublisher` that meets one error after the other, and then keeps what it gets."""

    errors: list[Exception] = field(default_factory=list[Exception])
    published: list[OutgoingMessage] = field(default_factory=list[OutgoingMessage])

    async def publish(self, message: OutgoingMessage) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.published.append(message)

    async def condition(self) -> PublisherCondition:
        return PublisherCondition(name="kept", version="", latency_seconds=0, problem="")


@final
@dataclass(slots=True)
class KeepingConsumer:
    """A `TakeMessage` that meets one error after the other, and then keeps what it gets."""

    errors: list[Exception] = field(default_factory=list[Exception])
    taken: list[IncomingMessage] = field(default_factory=list[IncomingMessage])

    async def __call__(self, message: IncomingMessage) -> NotTaken | None:
        if self.errors:
            return NotTaken(error=self.errors.pop(0), tenant_id=TENANT, tenant="acme", type="x")
        self.taken.append(message)
        return None


@final
@dataclass(slots=True, kw_only=True)
class Desk:
    clock: StoppedClock = field(default_factory=StoppedClock)
    letters: InMemoryDeadLetters = field(init=False)
    publisher: KeepingPublisher = field(default_factory=KeepingPublisher)
    consumer: KeepingConsumer = field(default_factory=KeepingConsumer)

    def __post_init__(self) -> None:
        self.letters = InMemoryDeadLetters(self.clock)

    @property
    def replay(self) -> ReplayDeadLetters:
        return ReplayDeadLetters(
            letters=self.letters,
            publisher=self.publisher,
            take=self.consumer,
            audit=LetterAudit(
                clock=InMemoryClock(self.clock), identifiers=CountingIdentifiers("audit")
            ),
        )
