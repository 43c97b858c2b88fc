"""Relays that share a real database, and die: every event arrives, first arrivals in order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final, final
from uuid import UUID

import pytest

from adapters.postgres.database import Database
from adapters.protobuf.envelopes import envelope_of
from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.delivery.ports.publisher import PublisherCondition
from application.delivery.relay_events import RelayEvents, RelayTerms
from domain.delivery.outgoing_message import OutgoingMessage
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import ServerId
from somagent.events.v1 import events_pb2 as pb
from tests.contract.outboxes import Outgoings, postgres_outgoings

pytestmark = pytest.mark.postgres

KEYS: Final = 40
EACH: Final = 25
PATIENCE: Final = 600.0


@final
@dataclass(slots=True)
class Topic:
    """What a broker has been given, by key; it takes its time, now longer, now shorter."""

    random: Random
    arrived: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list[int]))

    async def publish(self, message: OutgoingMessage) -> None:
        envelope = pb.Envelope.FromString(message.value)
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        self.arrived[envelope.key].append(envelope.sequence)
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)

    async def condition(self) -> PublisherCondition:
        return PublisherCondition(name="topic", version="", latency_seconds=0, problem="")


@final
class Relays:
    """So many relays at a time, each a process of its own as far as the others can tell."""

    def __init__(self, outgoings: Outgoings, topic: Topic, numbers: "count[int]") -> None:
        self._outgoings, self._topic, self._numbers = outgoings, topic, numbers
        self.alive: list[tuple[RelayEvents, asyncio.Task[None]]] = []

    def begin(self) -> None:
        relay = RelayEvents(
            relay_id=ServerId(UUID(int=next(self._numbers))),
            outbox=self._outgoings.outbox,
            envelopes=envelope_of,
            publisher=self._topic,
            clock=SystemClock(),
            identifiers=SystemIdentifiers(),
            told=lambda _: None,
            terms=RelayTerms(lease_seconds=1.5, events=50),
        )
        self.alive.append((relay, asyncio.create_task(_go_on(relay))))

    async def kill(self, which: int) -> None:
        """End one wherever it stands: what it published and did not mark, nobody knows of."""
        relay, task = self.alive.pop(which)
        doomed = [task, *relay.state.underway.values()]
        for one in doomed:
            one.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    while not await holds():  # noqa: ASYNC110 - what is waited for is in a database
        await asyncio.sleep(0.05)


async def _go_on(relay: RelayEvents) -> None:
    while True:
        # A database that is slow to answer is asked again, as a server does.
        with suppress(StorageUnavailableError):
            await relay()
        await asyncio.sleep(0)


@pytest.fixture
async def outgoings(fresh_database: Database) -> AsyncGenerator[Outgoings]:
    async with postgres_outgoings(fresh_database) as opened:
        yield opened


@pytest.mark.parametrize("seed", [1, 2])
async def test_events_survive_their_relays_in_order(outgoings: Outgoings, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - chooses who dies when
    topic = Topic(random)
    relays = Relays(outgoings, topic, count(1))
    names = [f"key {number}" for number in range(KEYS)]
    for _ in range(3):
        relays.begin()

    async with asyncio.timeout(PATIENCE):
        for _ in range(EACH):
            await outgoings.commit(*names)
            if random.random() < 0.3:
                await relays.kill(random.randrange(len(relays.alive)))
                relays.begin()
        await _until(outgoings.all_published)
    while relays.alive:
        await relays.kill(0)

    assert len(topic.arrived) == KEYS
    for numbers in topic.arrived.values():
        firsts = list(dict.fromkeys(numbers))
        assert firsts == list(range(1, EACH + 1))


async def test_live_relays_divide_the_buckets(outgoings: Outgoings) -> None:
    relays = Relays(outgoings, Topic(Random(1)), count(1))  # noqa: S311 - nothing secret
    for _ in range(2):
        relays.begin()

    async def shares_are(*shares: int) -> bool:
        return [len(relay.state.held) for relay, _ in relays.alive] == list(shares)

    async with asyncio.timeout(PATIENCE):
        await _until(lambda: shares_are(32, 32))
        await relays.kill(0)
        await _until(lambda: shares_are(64))
        await relays.kill(0)
