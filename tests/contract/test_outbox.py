"""What every outbox must honour."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from math import ceil

import pytest

from adapters.postgres.database import DatabaseSettings, open_database
from application.delivery.ports.outbox import EACH, HeldBucket, Place
from domain.delivery.dead_letter import Content
from domain.delivery.outgoing_event import BUCKETS, OutgoingEvent, bucket_of
from domain.kernel.identifiers import DeadLetterId, ServerId
from tests.builders import dead_letter
from tests.contract.outboxes import (
    ONE,
    OTHER,
    THIRD,
    Outgoings,
    inmemory_outgoings,
    postgres_outgoings,
)
from tests.fakes import StoppedClock

LEASE = 15.0


@pytest.fixture
async def outgoings(kept_in: DatabaseSettings | None) -> AsyncGenerator[Outgoings]:
    if kept_in is None:
        yield inmemory_outgoings(StoppedClock())
        return
    async with open_database(kept_in) as database, postgres_outgoings(database) as opened:
        yield opened


async def page_of(outgoings: Outgoings, relay_id: ServerId = ONE) -> list[OutgoingEvent]:
    held = await outgoings.outbox.lease(relay_id, LEASE)
    return list(await outgoings.outbox.due([one.number for one in held], None, 1000))


async def test_a_relay_alone_has_every_bucket(outgoings: Outgoings) -> None:
    held = await outgoings.outbox.lease(ONE, LEASE)

    assert sorted(one.number for one in held) == list(range(BUCKETS))


async def test_relays_give_up_to_newcomers_until_all_have_their_share(
    outgoings: Outgoings,
) -> None:
    relays = [ONE, OTHER, THIRD]

    for _ in range(2):
        for relay in relays:
            await outgoings.outbox.lease(relay, LEASE)

    held = {relay: await outgoings.outbox.lease(relay, LEASE) for relay in relays}
    shares = [len(buckets) for buckets in held.values()]
    assert max(shares) <= ceil(BUCKETS / 3)
    assert sorted(one.number for buckets in held.values() for one in buckets) == list(
        range(BUCKETS)
    )


async def test_a_bucket_that_is_held_is_nobody_elses(outgoings: Outgoings) -> None:
    await outgoings.outbox.lease(ONE, LEASE)

    assert await outgoings.outbox.lease(OTHER, LEASE) == []


async def test_a_renewed_lease_keeps_its_fence(outgoings: Outgoings) -> None:
    first = await outgoings.outbox.lease(ONE, LEASE)

    assert await outgoings.outbox.lease(ONE, LEASE) == first


async def test_the_buckets_of_a_dead_relay_are_taken_under_a_higher_fence(
    outgoings: Outgoings,
) -> None:
    before = await outgoings.outbox.lease(ONE, LEASE)
    await outgoings.expire()

    after = await outgoings.outbox.lease(OTHER, LEASE)

    assert [one.number for one in after] == [one.number for one in before]
    assert all(late.fence > early.fence for early, late in zip(before, after, strict=True))


async def test_what_a_relay_leaves_is_free_at_once(outgoings: Outgoings) -> None:
    await outgoings.outbox.lease(ONE, LEASE)

    await outgoings.outbox.leave(ONE)

    assert len(await outgoings.outbox.lease(OTHER, LEASE)) == BUCKETS


async def test_events_of_a_key_are_due_in_their_order(outgoings: Outgoings) -> None:
    await outgoings.commit("a", "b", "a", "a", "b")

    due = await outgoings.due()

    assert [told for told in due if told[0] == "a"] == [("a", 1), ("a", 2), ("a", 3)]
    assert [told for told in due if told[0] == "b"] == [("b", 1), ("b", 2)]


async def test_only_events_of_the_asked_buckets_are_due(outgoings: Outgoings) -> None:
    await outgoings.commit("a", "b")
    bucket = bucket_of(outgoings.key("a"))

    page = await outgoings.outbox.due([bucket], None, 10)

    assert [outgoings.told(event) for event in page] == [("a", 1)]


async def test_a_page_goes_on_behind_the_key_where_the_last_one_ended(
    outgoings: Outgoings,
) -> None:
    names = [f"key {number}" for number in range(100)]
    await outgoings.commit(*names, *names)
    held = [one.number for one in await outgoings.outbox.lease(ONE, LEASE)]

    seen: list[tuple[str, int]] = []
    place: Place | None = None
    while page := await outgoings.outbox.due(held, place, 20):
        seen += [outgoings.told(event) for event in page]
        place = Place(page[-1].bucket, page[-1].key)

    assert sorted(seen) == sorted((name, number) for name in names for number in (1, 2))


async def test_a_page_holds_only_the_first_events_of_a_key(outgoings: Outgoings) -> None:
    await outgoings.commit(*["hot"] * 50, "calm")

    due = await outgoings.due()

    assert sorted(due) == sorted([("calm", 1), *(("hot", number + 1) for number in range(EACH))])


async def test_a_page_is_full_though_each_key_has_more_than_it_may_hold(
    outgoings: Outgoings,
) -> None:
    names = [f"key {number}" for number in range(5)]
    await outgoings.commit(*names * (3 * EACH))
    held = [one.number for one in await outgoings.outbox.lease(ONE, LEASE)]

    page = [outgoings.told(event) for event in await outgoings.outbox.due(held, None, 2 * EACH)]

    first, second = page[0][0], page[-1][0]
    assert first != second
    assert page == [(name, number + 1) for name in (first, second) for number in range(EACH)]


async def test_what_was_marked_is_due_no_more(outgoings: Outgoings) -> None:
    await outgoings.commit("a", "a", "b")
    held = await outgoings.outbox.lease(ONE, LEASE)
    page = await page_of(outgoings)
    first = [event for event in page if outgoings.told(event) != ("a", 2)]

    marked = await outgoings.outbox.mark_published(first, held)

    assert marked == 2
    assert await outgoings.due() == [("a", 2)]
    assert await outgoings.outbox.mark_published(first, held) == 0


async def test_a_relay_whose_bucket_was_taken_marks_nothing(outgoings: Outgoings) -> None:
    await outgoings.commit("a")
    held, page = await outgoings.outbox.lease(ONE, LEASE), await page_of(outgoings)
    await outgoings.expire()
    await outgoings.outbox.lease(OTHER, LEASE)

    assert await outgoings.outbox.mark_published(page, held) == 0
    assert await outgoings.due(OTHER) == [("a", 1)]


async def test_an_event_set_aside_rests_and_lets_the_next_pass(outgoings: Outgoings) -> None:
    await outgoings.commit("a", "a")
    event = (await page_of(outgoings))[0]

    assert await set_aside(outgoings, event)

    assert await outgoings.due() == [("a", 2)]
    assert await outgoings.resting() == [str(event.id)]


async def test_an_event_is_set_aside_once(outgoings: Outgoings) -> None:
    await outgoings.commit("a")
    event = (await page_of(outgoings))[0]

    assert await set_aside(outgoings, event)
    assert not await set_aside(outgoings, event)

    assert await outgoings.resting() == [str(event.id)]


async def test_a_relay_whose_bucket_was_taken_sets_nothing_aside(outgoings: Outgoings) -> None:
    await outgoings.commit("a")
    event = (await page_of(outgoings))[0]
    lost = await held_of(outgoings, event)
    await outgoings.expire()
    await outgoings.outbox.lease(OTHER, LEASE)

    assert not await set_aside(outgoings, event, lost)
    assert await outgoings.resting() == []


async def test_the_backlog_counts_what_waits_up_to_a_bound(outgoings: Outgoings) -> None:
    await outgoings.commit(*"abcde")

    assert (await outgoings.outbox.backlog(1000)).events == 5
    assert (await outgoings.outbox.backlog(3)).events == 3


async def test_nothing_waits_in_an_empty_outbox(outgoings: Outgoings) -> None:
    backlog = await outgoings.outbox.backlog(10)

    assert (backlog.events, backlog.oldest_seconds) == (0, 0)


async def held_of(outgoings: Outgoings, event: OutgoingEvent) -> HeldBucket:
    held = await outgoings.outbox.lease(ONE, LEASE)
    return next(one for one in held if one.number == event.bucket)


async def set_aside(
    outgoings: Outgoings, event: OutgoingEvent, held: HeldBucket | None = None
) -> bool:
    made = dead_letter(DeadLetterId(outgoings.identifiers.next()), origin=str(event.id))
    letter = replace(made, tenant_id=event.tenant_id, source="relay")
    return await outgoings.outbox.set_aside(
        event,
        held or await held_of(outgoings, event),
        letter,
        Content(headers=(("type", b"turn.resumed"),), payload=event.payload),
    )
