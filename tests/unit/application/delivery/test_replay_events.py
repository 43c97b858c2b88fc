"""Events are published once more as they were, in the order of their keys."""

from asyncio import Event, create_task, sleep
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import final
from uuid import UUID

import pytest

from adapters.inmemory.published import InMemoryAudits, InMemoryPublishedEvents
from application.delivery.ports.published import EventPlace, PublishedFilter
from application.delivery.ports.publisher import PublisherCondition
from application.delivery.replay_events import ReplayEvents, ReplayEventsCommand
from domain.delivery.errors import EventFailedError, PublisherAwayError
from domain.delivery.outgoing_event import OutgoingEvent
from domain.delivery.outgoing_message import OutgoingMessage
from domain.kernel.identifiers import EventId, RequestId
from tests.builders import SESSION, TENANT
from tests.fakes import NOON, CountingIdentifiers, StoppedClock
from tests.unit.application.delivery.replaying import KeepingPublisher

OTHER_KEY = UUID(int=7)


def event(sequence: int, key: UUID = SESSION) -> OutgoingEvent:
    return OutgoingEvent(
        id=EventId(UUID(int=100 + sequence)),
        tenant_id=TENANT,
        tenant="acme",
        key=key,
        sequence=sequence,
        type="turn.completed",
        version=1,
        traceparent="",
        occurred_at=NOON - timedelta(minutes=1),
        payload=str(sequence).encode(),
    )


def command() -> ReplayEventsCommand:
    return ReplayEventsCommand(
        asked=PublishedFilter(tenant_id=TENANT),
        tenant="acme",
        actor="ada",
        request_id=RequestId("r"),
        limit=10,
    )


class Bench:
    """Events that were published, and what replays them."""

    def __init__(self, *events: OutgoingEvent) -> None:
        self.audits = InMemoryAudits()
        self.publisher = KeepingPublisher()
        self.events = InMemoryPublishedEvents(list(events))
        self.clock = StoppedClock()
        self.replay = ReplayEvents(
            events=self.events,
            audits=self.audits,
            publisher=self.publisher,
            envelopes=lambda event: event.payload,
            clock=self.clock,
            identifiers=CountingIdentifiers(),
        )


@final
@dataclass(slots=True, kw_only=True)
class HalfAwayPublisher:
    """Away for one key when it was `found` so; for others it waits until it is `acknowledged`."""

    away: bytes
    begun: Event = field(default_factory=Event)
    found: Event = field(default_factory=Event)
    acknowledged: Event = field(default_factory=Event)
    published: list[OutgoingMessage] = field(default_factory=list[OutgoingMessage])

    async def publish(self, message: OutgoingMessage) -> None:
        if message.key.endswith(self.away):
            await self.found.wait()
            raise PublisherAwayError("no broker")
        self.begun.set()
        await self.acknowledged.wait()
        self.published.append(message)

    async def condition(self) -> PublisherCondition:
        return PublisherCondition(name="half", version="", latency_seconds=0, problem="")


async def test_events_keep_their_ids_and_the_order_of_their_key() -> None:
    bench = Bench(event(2), event(1), event(1, OTHER_KEY), event(3))

    replayed = await bench.replay(command())

    assert (replayed.count, replayed.refused, replayed.ended) == (4, 0, None)
    mine = [one for one in bench.publisher.published if one.key.endswith(str(SESSION).encode())]
    assert [one.value for one in mine] == [b"1", b"2", b"3"]
    assert {one.topic for one in mine} == {"conversation.outbound"}
    assert ("event-id", str(event(1).id).encode()) in mine[0].headers
    assert ("replay", b"r") in mine[0].headers


async def test_a_replay_of_a_replay_is_the_same_events_under_another_request() -> None:
    bench = Bench(event(1), event(2))

    for request in ("first", "second"):
        await bench.replay(replace(command(), request_id=RequestId(request)))

    first, second = bench.publisher.published[:2], bench.publisher.published[2:]
    assert [one.value for one in first] == [one.value for one in second] == [b"1", b"2"]
    ids = [[dict(one.headers)["event-id"] for one in replay] for replay in (first, second)]
    assert ids[0] == ids[1]
    assert {dict(one.headers)["replay"] for one in second} == {b"second"}


async def test_pages_follow_each_other() -> None:
    bench = Bench(*(event(number) for number in range(1, 6)))

    first = await bench.replay(replace(command(), limit=3))
    second = await bench.replay(replace(command(), limit=3, after=first.ended))

    assert first.ended == EventPlace(SESSION, 3)
    assert (first.count, second.count, second.ended) == (3, 2, None)
    values = [one.value for one in bench.publisher.published]
    assert values == [b"1", b"2", b"3", b"4", b"5"]


async def test_a_replay_ends_though_each_of_its_pages_is_an_event_of_the_tenant() -> None:
    bench = Bench(event(1, TENANT), event(2, TENANT), event(3, TENANT))
    page = await bench.replay(replace(command(), limit=1))
    pages = 1

    while page.ended and pages < 10:
        later = replace(event(3 + pages, TENANT), occurred_at=bench.clock.now())
        bench.events.kept.append(later)
        bench.clock.advance(1)
        page = await bench.replay(replace(command(), limit=1, after=page.ended, begun=page.begun))
        pages += 1

    assert pages == 3
    assert [one.value for one in bench.publisher.published] == [b"1", b"2", b"3"]


async def test_they_go_to_the_topic_and_the_consumer_that_are_named() -> None:
    bench = Bench(event(1))

    await bench.replay(replace(command(), topic="rebuilt", consumer="billing"))

    (message,) = bench.publisher.published
    assert message.topic == "rebuilt"
    assert ("replay-consumer", b"billing") in message.headers


async def test_events_that_cannot_be_published_are_left_out_and_counted() -> None:
    unknown = replace(event(2), type="never.heard")
    spoilt = replace(event(3), payload=b"spoilt")
    bench = Bench(event(1), unknown, spoilt, event(4))

    def envelopes(event: OutgoingEvent) -> bytes:
        if event.payload == b"spoilt":
            raise ValueError
        return event.payload

    replayed = await replace(bench.replay, envelopes=envelopes)(command())

    assert (replayed.count, replayed.refused, replayed.ended) == (2, 2, None)
    assert [one.value for one in bench.publisher.published] == [b"1", b"4"]


async def test_an_event_that_may_pass_later_is_overtaken_by_none_of_its_key() -> None:
    bench = Bench(event(1), event(2))
    bench.publisher.errors.append(EventFailedError("not now"))

    with pytest.raises(EventFailedError):
        await bench.replay(command())
    before = list(bench.publisher.published)
    replayed = await bench.replay(command())

    assert before == []
    assert (replayed.count, replayed.refused) == (2, 0)
    assert [one.value for one in bench.publisher.published] == [b"1", b"2"]


async def test_an_event_that_was_set_aside_and_fails_again_is_left_out_and_counted() -> None:
    bench = Bench(event(1), event(2))
    bench.events.aside.add(event(1).id)
    bench.publisher.errors.append(EventFailedError("not now"))

    replayed = await bench.replay(command())

    assert (replayed.count, replayed.refused) == (1, 1)
    assert [one.value for one in bench.publisher.published] == [b"2"]


async def test_nothing_goes_on_after_the_answer_that_the_publisher_is_away() -> None:
    publisher = HalfAwayPublisher(away=str(OTHER_KEY).encode())
    bench = Bench(event(1, OTHER_KEY), event(1), event(2))
    first = create_task(replace(bench.replay, publisher=publisher)(command()))
    await publisher.begun.wait()

    publisher.found.set()
    with pytest.raises(PublisherAwayError):
        await first
    publisher.acknowledged.set()
    for _ in range(10):
        await sleep(0)

    assert publisher.published == []


async def test_who_replays_is_accounted_for() -> None:
    bench = Bench()

    await bench.replay(command())

    assert [(one.subject, one.action, one.resource) for one in bench.audits.recorded] == [
        ("ada", "operations:replay", "tenants/acme")
    ]
