"""Events are published in order per key, at least once, and none is waited for by another key."""

from asyncio import Event
from dataclasses import replace

import pytest

from adapters.protobuf.envelopes import envelope_of
from application.delivery.relay_events import RelayEvents
from domain.delivery.errors import EventFailedError, EventRefusedError, PublisherAwayError
from domain.delivery.outgoing_event import BUCKETS, OutgoingEvent
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.events import DomainEvent
from tests.contract.outboxes import ENCODE, ONE, OTHER, inmemory_outgoings
from tests.doubles import until
from tests.fakes import StoppedClock
from tests.unit.application.delivery.relaying import InterruptedOutbox, Stage, stage_of

REFUSED = EventRefusedError("too large")
FAILED = EventFailedError("not now")


@pytest.fixture
def stage() -> Stage:
    clock = StoppedClock()
    return stage_of(inmemory_outgoings(clock), clock)


async def passes(relay: RelayEvents, stage: Stage, times: int) -> None:
    """So many passes, with more time between them than any pause takes."""
    for _ in range(times):
        await relay()
        stage.clock.advance(70)


async def test_events_of_a_key_arrive_in_order_once(stage: Stage) -> None:
    await stage.outgoings.commit("a", "b", "a", "a")

    await passes(stage.relay(), stage, 2)

    assert stage.publisher.of("a") == [1, 2, 3]
    assert stage.publisher.of("b") == [1]
    assert await stage.outgoings.due() == []


async def test_an_event_goes_out_when_the_one_before_it_was_acknowledged(stage: Stage) -> None:
    await stage.outgoings.commit("a", "a")
    gate = stage.publisher.gates["a", 1] = Event()
    relay = stage.relay()

    await relay()
    begun_before = list(stage.publisher.begun)
    gate.set()
    await relay()

    assert begun_before == [("a", 1)]
    assert stage.publisher.begun == [("a", 1), ("a", 2)]


async def test_a_slow_key_is_waited_for_by_no_other(stage: Stage) -> None:
    await stage.outgoings.commit("slow", "quick")
    stage.publisher.gates["slow", 1] = Event()
    relay = stage.relay()

    await relay()
    await stage.outgoings.commit("quick")
    await relay()

    assert stage.publisher.of("quick") == [1, 2]
    assert stage.publisher.begun.count(("slow", 1)) == 1
    stage.publisher.gates["slow", 1].set()
    await relay.stop()
    assert stage.publisher.of("slow") == [1]


async def test_a_refused_event_is_set_aside_after_its_tries_and_its_key_goes_on(
    stage: Stage,
) -> None:
    await stage.outgoings.commit("a", "a", "b")
    stage.publisher.errors["a", 1] = REFUSED
    relay = stage.relay()

    await relay()
    assert stage.publisher.arrived == [("b", 1)]
    stage.clock.advance(70)
    await passes(relay, stage, 2)

    assert stage.publisher.begun.count(("a", 1)) == 3
    assert stage.publisher.of("a") == [2]
    assert await stage.outgoings.due() == []
    assert len(await stage.outgoings.resting()) == 1


async def test_an_event_that_meets_a_defect_is_set_aside_and_the_others_go_on(
    stage: Stage,
) -> None:
    await stage.outgoings.commit("a", "a", "b")
    stage.publisher.errors["a", 1] = ValueError("of a defect")
    relay = stage.relay()

    await passes(relay, stage, 9)

    assert stage.publisher.begun.count(("a", 1)) == 8
    assert sorted(stage.publisher.arrived) == [("a", 2), ("b", 1)]
    assert await stage.outgoings.due() == []
    assert len(await stage.outgoings.resting()) == 1


async def test_an_event_whose_envelope_meets_a_defect_is_set_aside(stage: Stage) -> None:
    await stage.outgoings.commit("strange", "a")

    def envelopes(event: OutgoingEvent) -> bytes:
        if event.key == stage.outgoings.keys["strange"]:
            raise ValueError
        return envelope_of(event)

    await passes(replace(stage.relay(), envelopes=envelopes), stage, 9)

    assert stage.publisher.arrived == [("a", 1)]
    assert len(await stage.outgoings.resting()) == 1


async def test_a_failing_event_may_pass_later(stage: Stage) -> None:
    await stage.outgoings.commit("a", "a")
    stage.publisher.errors["a", 1] = FAILED
    relay = stage.relay()

    await passes(relay, stage, 7)
    del stage.publisher.errors["a", 1]
    await passes(relay, stage, 1)

    assert stage.publisher.arrived == [("a", 1), ("a", 2)]
    assert await stage.outgoings.resting() == []


async def test_a_pause_is_kept_before_the_next_try(stage: Stage) -> None:
    await stage.outgoings.commit("a")
    stage.publisher.errors["a", 1] = FAILED
    relay = stage.relay()

    await relay()
    await relay()

    assert stage.publisher.begun == [("a", 1)]


async def test_while_the_publisher_is_away_nothing_is_counted_against_events(stage: Stage) -> None:
    await stage.outgoings.commit("a", "b")
    stage.publisher.away = PublisherAwayError("no broker")
    relay = stage.relay()

    await passes(relay, stage, 40)
    stage.publisher.away = None
    await passes(relay, stage, 2)

    assert sorted(stage.publisher.arrived) == [("a", 1), ("b", 1)]
    assert await stage.outgoings.resting() == []
    assert len(stage.told) == 2
    assert "no broker" in stage.told[0]
    assert stage.told[1] == ""


async def test_a_relay_rests_while_the_publisher_is_away(stage: Stage) -> None:
    await stage.outgoings.commit("a")
    stage.publisher.away = PublisherAwayError("no broker")
    relay = stage.relay()

    await relay()
    await relay()

    assert stage.publisher.begun == [("a", 1)]


async def test_an_event_of_no_known_type_is_set_aside(stage: Stage) -> None:
    def encode(event: DomainEvent) -> tuple[str, bytes]:
        kind, payload = ENCODE(event)
        return ("no.such" if event.key == stage.outgoings.keys["strange"] else kind), payload

    stage = stage_of(inmemory_outgoings(stage.clock, encode), stage.clock)
    await stage.outgoings.commit("strange", "a")

    await passes(stage.relay(), stage, 3)

    assert stage.publisher.arrived == [("a", 1)]
    assert len(await stage.outgoings.resting()) == 1


async def test_what_a_dead_relay_published_and_did_not_mark_is_published_again(
    stage: Stage,
) -> None:
    await stage.outgoings.commit("a", "a")
    gate = stage.publisher.gates["a", 2] = Event()
    dead = stage.relay(ONE)
    await dead()  # the first is marked, the second is on its way
    gate.set()
    await until(lambda: stage.publisher.of("a") == [1, 2])
    await stage.outgoings.expire()

    await passes(stage.relay(OTHER), stage, 2)

    assert stage.publisher.of("a") == [1, 2, 2]


async def test_a_relay_that_wakes_after_its_lease_publishes_nothing_more(stage: Stage) -> None:
    await stage.outgoings.commit("a", "a")
    gate = stage.publisher.gates["a", 1] = Event()
    asleep = stage.relay(ONE)
    await asleep()
    await stage.outgoings.expire()
    taker = stage.relay(OTHER)
    del stage.publisher.gates["a", 1]
    await taker()

    gate.set()
    await until(lambda: stage.publisher.of("a") == [1, 2, 1])
    await asleep()

    assert stage.publisher.of("a") == [1, 2, 1]


async def test_a_full_page_says_that_there_is_more(stage: Stage) -> None:
    await stage.outgoings.commit(*"abcdef")
    relay = stage.relay(events=4)

    assert await relay() > 0
    assert await relay() == 0
    assert len(stage.publisher.arrived) == 6


async def test_a_key_with_many_events_leaves_the_others_their_turn(stage: Stage) -> None:
    others = [f"key {number}" for number in range(12)]
    await stage.outgoings.commit(*["hot"] * 200, *others)
    relay = stage.relay(events=20)

    for _ in range(8):
        await relay()

    assert {name for name, _ in stage.publisher.arrived} == {"hot", *others}
    assert len(stage.publisher.of("hot")) < 200


async def test_who_stops_lets_what_is_under_way_arrive_and_gives_the_buckets_back(
    stage: Stage,
) -> None:
    await stage.outgoings.commit("a", "a")
    gate = stage.publisher.gates["a", 1] = Event()
    relay = stage.relay(ONE)
    await relay()

    gate.set()
    await relay.stop()

    assert stage.publisher.of("a") == [1]
    assert await stage.outgoings.due(OTHER) == [("a", 2)]
    assert len(await stage.outgoings.outbox.lease(OTHER, 15)) == BUCKETS


async def test_what_could_not_be_marked_is_marked_later_and_not_published_again(
    stage: Stage,
) -> None:
    await stage.outgoings.commit("a", "a")
    relay = replace(stage.relay(ONE), outbox=InterruptedOutbox(stage.outgoings.outbox))

    with pytest.raises(StorageUnavailableError):
        await relay()
    await relay()

    assert stage.publisher.of("a") == [1, 2]
    assert await stage.outgoings.due() == []
