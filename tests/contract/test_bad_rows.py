"""One event that cannot be published keeps none of the others from being read and published."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

import pytest

from adapters.inmemory.published import InMemoryAudits, InMemoryPublishedEvents
from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.published import PostgresAudits, PostgresPublishedEvents
from adapters.protobuf.envelopes import envelope_of
from application.delivery.ports.published import Audits, PublishedEvents, PublishedFilter
from application.delivery.replay_events import ReplayEvents, ReplayEventsCommand
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import RequestId
from tests.contract.outboxes import ENCODE, ONE, Outgoings, inmemory_outgoings, postgres_outgoings
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.unit.application.delivery.relaying import Stage, stage_of

BAD: Final = "bad"


@dataclass(slots=True)
class Names:
    """The names of keys, known to who encodes their events."""

    outgoings: list[Outgoings] = field(default_factory=list[Outgoings])

    def encode(self, event: DomainEvent) -> tuple[str, bytes]:
        kind, payload = ENCODE(event)
        bad = any(one.keys.get(BAD) == event.key for one in self.outgoings)
        return "no.such" if bad else kind, payload

    async def written_to(self, outgoings: Outgoings) -> Outgoings:
        self.outgoings.append(outgoings)
        await outgoings.commit("a", "a", BAD, "b", "a")
        return outgoings


@dataclass(frozen=True, slots=True)
class Written:
    """A relay's stage with events in its outbox, of which one is bad, and where to read them."""

    stage: Stage
    published: PublishedEvents
    audits: Audits


@pytest.fixture
async def written(kept_in: DatabaseSettings | None) -> AsyncGenerator[Written]:
    names, clock = Names(), StoppedClock()
    if kept_in is None:
        outgoings = await names.written_to(inmemory_outgoings(clock, names.encode))
        held = await outgoings.outbox.lease(ONE, 1)
        every = await outgoings.outbox.due([one.number for one in held], None, 100)
        kept = InMemoryPublishedEvents(list(every))
        yield Written(stage_of(outgoings, clock), kept, InMemoryAudits())
        return
    async with (
        open_database(kept_in) as database,
        postgres_outgoings(database, names.encode) as opened,
    ):
        outgoings = await names.written_to(opened)
        audits = PostgresAudits(database=database, outgoing=Outgoing(ENCODE))
        events = PostgresPublishedEvents(database=database)
        yield Written(stage_of(outgoings, clock), events, audits)


async def test_a_relay_and_a_replay_go_on_past_it(written: Written) -> None:
    stage = written.stage
    relay = stage.relay()
    for _ in range(4):
        await relay()
        stage.clock.advance(20)
    relayed = sorted(stage.publisher.arrived)
    stage.publisher.arrived.clear()

    replayed = await ReplayEvents(
        events=written.published,
        audits=written.audits,
        publisher=stage.publisher,
        envelopes=envelope_of,
        clock=stage.clock,
        identifiers=CountingIdentifiers(),
    )(
        ReplayEventsCommand(
            asked=PublishedFilter(tenant_id=stage.outgoings.tenant_id),
            tenant="acme",
            actor="ada",
            request_id=RequestId("r"),
            limit=100,
        )
    )

    assert relayed == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert sorted(stage.publisher.arrived) == relayed
    assert (replayed.count, replayed.refused) == (4, 1)
    assert len(await stage.outgoings.resting()) == 1
