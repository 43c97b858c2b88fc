"""A consumer over topics of this process, and what its messages meet."""

from asyncio import Event, create_task, sleep
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, final

from adapters.inmemory.dead_letters import InMemoryDeadLetters
from adapters.inmemory.durable_clock import InMemoryClock
from adapters.inmemory.messages import InMemoryTopics
from application.delivery.consume import Consume, ConsumerTerms
from application.delivery.ports.source import MessageSource
from application.delivery.ports.taking import NotTaken
from application.delivery.tell_of_letter import PublishLetter
from application.kernel.ports import DurableClock
from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.incoming_message import IncomingMessage, Partition
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.kernel.identifiers import TenantId
from entrypoints.background import stopped
from tests.builders import TENANT
from tests.fakes import CountingIdentifiers, StoppedClock, WrongClock
from tests.unit.application.delivery.replaying import KeepingPublisher

TERMS: Final = ConsumerTerms()
TOPIC: Final = "conversation.inbound"


@final
@dataclass(slots=True)
class ScriptedTaking:
    """A `TakeMessage` whose values say what it does.

    `errors` are met by a value, one after the other, before it is taken; a value among `held` is
    taken when its event is set.
    """

    errors: dict[bytes, list[Exception]] = field(default_factory=dict[bytes, list[Exception]])
    held: dict[bytes, Event] = field(default_factory=dict[bytes, Event])
    owner: TenantId = TENANT
    taken: list[bytes] = field(default_factory=list[bytes])
    begun: list[bytes] = field(default_factory=list[bytes])

    async def __call__(self, message: IncomingMessage) -> NotTaken | None:
        self.begun.append(message.value)
        if message.value in self.held:
            await self.held[message.value].wait()
        if waiting := self.errors.get(message.value):
            return NotTaken(error=waiting.pop(0), tenant_id=self.owner, tenant="acme", type="x")
        self.taken.append(message.value)
        return None


@final
@dataclass(slots=True)
class Told:
    """A `ConsumptionObserver`."""

    takes: list[str] = field(default_factory=list[str])
    rests: list[str] = field(default_factory=list[str])
    again: list[str] = field(default_factory=list[str])
    lag: dict[Partition, tuple[int, float]] = field(
        default_factory=dict[Partition, tuple[int, float]]
    )
    fences: list[str] = field(default_factory=list[str])
    gone: int = 0

    def taken(self, topic: str) -> None:
        self.takes.append(topic)

    def tried(self, topic: str, reason: str) -> None:
        self.again.append(f"{topic} {reason}")

    def rested(self, message: IncomingMessage, reason: str, error: Exception) -> None:
        self.rests.append(f"{message.offset} {reason} {type(error).__name__}")

    def gave_way(self, letters: int) -> None:
        self.gone += letters

    def lags(self, partition: Partition, messages: int, oldest_seconds: float) -> None:
        self.lag[partition] = messages, oldest_seconds

    def lost(self, partition: Partition) -> None:
        self.lag.pop(partition, None)

    def fenced(self) -> None:
        self.fences.append("fenced")

    def unsure(self, error: Exception) -> None:
        self.fences.append(str(error))

    def freed(self) -> None:
        self.fences.append("freed")


@final
@dataclass(slots=True)
class ReluctantLetters:
    """Keeps letters, after it has refused some as if its database were away."""

    refusals: int = 0
    defect: Exception | None = None
    kept: InMemoryDeadLetters = field(default_factory=lambda: InMemoryDeadLetters(StoppedClock()))

    async def put(self, letter: DeadLetter, content: Content) -> bool:
        if self.defect is not None:
            raise self.defect
        if self.refusals:
            self.refusals -= 1
            raise StorageUnavailableError
        return await self.kept.put(letter, content)

    async def keep_unknown(self, most: int) -> int:
        return await self.kept.keep_unknown(most)


@final
@dataclass(slots=True, kw_only=True)
class Bench:
    """A broker, what is behind its consumers, and what became of messages."""

    topics: InMemoryTopics = field(default_factory=InMemoryTopics)
    taking: ScriptedTaking = field(default_factory=ScriptedTaking)
    told: Told = field(default_factory=Told)
    clock: StoppedClock = field(default_factory=StoppedClock)
    times: DurableClock = field(init=False)
    letters: ReluctantLetters = field(default_factory=ReluctantLetters)
    has_room: Callable[[], bool] = lambda: True
    publisher: KeepingPublisher = field(default_factory=KeepingPublisher)
    missed: list[DomainError] = field(default_factory=list[DomainError])
    pauses: list[float] = field(default_factory=list[float])
    blocked: Event | None = None
    """Where set, pauses last until then."""

    def __post_init__(self) -> None:
        self.times = InMemoryClock(self.clock)

    def put(self, *values: bytes, key: bytes = b"a") -> None:
        for value in values:
            self.topics.put(TOPIC, key, value)

    def consume(self, source: MessageSource, terms: ConsumerTerms = TERMS) -> Consume:
        return Consume(
            source=source,
            take=self.taking,
            letters=self.letters,
            tell=PublishLetter(publisher=self.publisher, missed=self.missed.append),
            observer=self.told,
            clock=WrongClock(self.clock),
            times=self.times,
            identifiers=CountingIdentifiers(),
            has_room=self.has_room,
            fraction=lambda: 0.5,
            sleep=self._sleep,
            terms=terms,
        )

    @asynccontextmanager
    async def consuming(self, name: str = "", terms: ConsumerTerms = TERMS) -> AsyncGenerator[None]:
        """A consumer until the end of the block; it is cancelled then, as by a crash."""
        source = self.topics.join((TOPIC,), name)
        task = create_task(self.consume(source, terms)())
        try:
            yield
        finally:
            await stopped(task)
            self.topics.leave(source)

    @property
    def rested(self) -> list[DeadLetter]:
        return [one.letter for one in self.letters.kept.kept.values()]

    @property
    def committed(self) -> Mapping[Partition, int]:
        return self.topics.committed

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await (sleep(0) if self.blocked is None else self.blocked.wait())
