"""A topic that takes nothing holds up its own events, and those of no other."""

from dataclasses import replace

import pytest

from adapters.system.identifiers import SystemIdentifiers
from domain.delivery.errors import PublisherAwayError
from domain.delivery.topic import Topic
from domain.kernel.events import DomainEvent
from tests.contract.outboxes import ENCODE, inmemory_outgoings
from tests.fakes import StoppedClock
from tests.unit.application.delivery.relaying import InterruptedOutbox, Stage, stage_of

MISSING = Topic.MEMORY_WAL.value
OTHER = Topic.AUDIT_EVENTS.value

TYPES = {"lost": "memory.remembered", "also": "audit.recorded"}
"""Of events whose key's name begins so; others are of turns."""


@pytest.fixture
def stage() -> Stage:
    clock = StoppedClock()

    def encode(event: DomainEvent) -> tuple[str, bytes]:
        kind, payload = ENCODE(event)
        names = {key: name for name, key in made.outgoings.keys.items()}
        return TYPES.get(names[event.key].split()[0], kind), payload

    made = stage_of(inmemory_outgoings(clock, encode), clock)
    return made


async def test_events_of_other_topics_go_on_at_once(stage: Stage) -> None:
    stage.publisher.missing = {MISSING}
    relay = stage.relay()
    await stage.outgoings.commit("lost", "lost")

    for number in range(1, 10):
        await stage.outgoings.commit("good")
        await relay()
        assert stage.publisher.of("good")[-1] == number

    assert stage.publisher.begun.count(("lost", 1)) == 1
    assert await stage.outgoings.due() == [("lost", 1), ("lost", 2)]


async def test_nothing_is_counted_against_what_waits_for_its_topic(stage: Stage) -> None:
    await stage.outgoings.commit("lost", "lost", "lost")
    stage.publisher.missing = {MISSING}
    relay = stage.relay()

    for _ in range(40):
        await relay()
        stage.clock.advance(70)
    stage.publisher.missing = set()
    for _ in range(2):
        await relay()

    assert stage.publisher.of("lost") == [1, 2, 3]
    assert await stage.outgoings.resting() == []
    assert stage.told == [f"events cannot be published now: {MISSING} is missing", ""]


async def test_one_key_asks_whether_its_topic_is_back_for_all(stage: Stage) -> None:
    names = [f"lost {number}" for number in range(20)]
    await stage.outgoings.commit(*names)
    stage.publisher.missing = {MISSING}
    relay = stage.relay()
    await relay()
    stage.publisher.begun.clear()

    for _ in range(5):
        stage.clock.advance(70)
        await relay()
    asked = len(stage.publisher.begun)
    stage.publisher.missing = set()
    stage.clock.advance(70)
    for _ in range(2):
        await relay()

    assert asked == 5
    assert sorted(stage.publisher.arrived) == sorted((name, 1) for name in names)


async def test_who_is_told_hears_of_each_topic_and_of_the_return_of_the_last(stage: Stage) -> None:
    await stage.outgoings.commit("lost", "also")
    stage.publisher.missing = {MISSING, OTHER}
    relay = stage.relay()

    for missing in ({MISSING, OTHER}, {MISSING}, set[str]()):
        stage.publisher.missing = missing
        stage.clock.advance(70)
        await relay()

    assert len(stage.told) == 3
    assert {MISSING in stage.told[0], MISSING in stage.told[1]} == {True, False}
    assert stage.told[2] == ""


async def test_a_key_that_asked_and_was_refused_for_itself_lets_another_ask(stage: Stage) -> None:
    await stage.outgoings.commit("lost", "lost 2")
    stage.publisher.missing = {MISSING}
    relay = stage.relay()
    await relay()
    stage.publisher.missing = set()
    stage.publisher.errors["lost", 1] = stage.publisher.errors["lost 2", 1] = ValueError("defect")
    stage.clock.advance(70)
    await relay()
    stage.publisher.errors.clear()

    for _ in range(2):
        stage.clock.advance(70)
        await relay()

    assert sorted(stage.publisher.arrived) == [("lost", 1), ("lost 2", 1)]


async def test_a_key_that_asks_in_vain_keeps_no_other_of_its_topic(stage: Stage) -> None:
    """One of a topic's partitions is away, for example."""
    names = [f"lost {number}" for number in range(5)]
    await stage.outgoings.commit(*names)
    stage.publisher.missing = {MISSING}
    relay = replace(stage.relay(), identifiers=SystemIdentifiers())
    await relay()
    ((first, _),) = stage.publisher.begun
    stage.publisher.missing = set()
    stage.publisher.errors[first, 1] = PublisherAwayError("it has no leader", MISSING)

    # Which of five comes first is chance: in a thousand rounds each does.
    for _ in range(1000):
        stage.clock.advance(70)
        await relay()

    assert sorted(stage.publisher.arrived) == [(name, 1) for name in names if name != first]


async def test_pages_of_what_waits_are_read_once_until_the_relay_has_rested(stage: Stage) -> None:
    await stage.outgoings.commit(*(f"lost {number}" for number in range(20)))
    stage.publisher.missing = {MISSING}
    outbox = InterruptedOutbox(stage.outgoings.outbox, interruptions=0)
    relay = replace(stage.relay(events=10), outbox=outbox)
    read: list[int] = []

    for seconds in (0, 0.5, 0.5, 0.5, 0.5):
        stage.clock.advance(seconds)
        for _ in range(10):
            await relay()
        read.append(outbox.pages)

    # Two rounds of three pages: in the first of them the topic is asked for.
    assert read == [6, 6, 12, 12, 18]


async def test_what_is_committed_behind_pages_of_what_waits_goes_out_in_one_round(
    stage: Stage,
) -> None:
    await stage.outgoings.commit(*(f"lost {number}" for number in range(40)))
    stage.publisher.missing = {MISSING}
    relay = stage.relay(events=10)
    for _ in range(10):
        await relay()
    goods = [f"good {number}" for number in range(10)]

    await stage.outgoings.commit(*goods)
    stage.clock.advance(1)
    while await relay():
        pass

    assert sorted(stage.publisher.arrived) == [(name, 1) for name in goods]
