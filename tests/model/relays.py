"""What the servers' relays do with the events that everything else leaves, as rules."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, islice
from math import ceil
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from application.delivery.ports.outbox import EACH, HeldBucket
from domain.delivery.dead_letter import Content
from domain.delivery.outgoing_event import BUCKETS, OutgoingEvent, bucket_of
from domain.kernel.identifiers import DeadLetterId, EventId, ServerId
from tests.builders import dead_letter
from tests.fakes import CountingIdentifiers
from tests.model.drivers import Drivers
from tests.model.life import EVERYTHING, Opening, lost_answers, picks, servers
from tests.model.outbox import Numbered, Reader, Relay, Tenure

LEASE_SECONDS: Final = 3600.0
"""Longer than any life: a lease ends when a rule says so."""


class Relays(Drivers):
    """They go on with what they read before they lost it; the store lets them mark none of it."""

    def __init__(self, opening: Opening, identifiers: CountingIdentifiers) -> None:
        super().__init__(opening, identifiers)
        self.relays = [self.born(), self.born()]
        self.reader = Reader()
        self.tenure = Tenure()
        self.taken_off = set[EventId]()
        self.aside = set[Numbered]()

    def born(self) -> Relay:
        return Relay(ServerId(self.ask.identifiers.next()))

    @rule(server=servers)
    def lease_buckets(self, server: int) -> None:
        relay = self.relays[server]
        held = self.run(self.place.outbox.lease(relay.id, LEASE_SECONDS))
        self.leased({server: held})
        assert len(held) <= ceil(BUCKETS / len(self.tenure.live))

    @rule()
    def lease_buckets_at_once(self) -> None:
        one, other = self.relays
        lease = self.place.outbox.lease

        async def both() -> Sequence[Sequence[HeldBucket]]:
            return await gather(lease(one.id, LEASE_SECONDS), lease(other.id, LEASE_SECONDS))

        self.leased(dict(enumerate(self.run(both()))))

    def leased(self, answers: dict[int, Sequence[HeldBucket]]) -> None:
        self.tenure.leased({self.relays[number].id: held for number, held in answers.items()})
        for number, held in answers.items():
            self.relays[number].held = {one.number: one for one in held}

    @rule(server=servers)
    def leave(self, server: int) -> None:
        """A server stops in order; its relay has marked before what it could."""
        self.mark(server, lost=False)
        self.run(self.place.outbox.leave(self.relays[server].id))
        self.tenure.left(self.relays[server].id)
        self.relays[server] = self.born()

    @rule(server=servers, pick=picks, count=st.integers(1, 12))
    def publish(self, server: int, pick: int, count: int) -> None:
        """Publish the next events of a page, keys in any order, each key in its own."""
        relay = self.with_page(server)
        for number in range(min(count, len(relay.page))):
            event = self.head(relay, pick + number)
            relay.page.remove(event)
            self.reader.receive(event, self.aside)
            relay.unmarked.append((event, relay.held[event.bucket]))

    @rule(server=servers, lost=lost_answers)
    def mark(self, server: int, *, lost: bool) -> None:
        relay = self.relays[server]
        done, relay.unmarked = relay.unmarked, []
        if not done:
            return
        held = {one for _, one in done}
        owned = {one.number for one in held if self.tenure.has(one)}
        marked = {event.id for event, _ in done if event.bucket in owned} - self.taken_off
        answer = self.sent(
            lambda: self.place.outbox.mark_published([event for event, _ in done], [*held]),
            lost=lost,
        )
        assert answer == (0 if lost else len(marked))
        self.taken_off |= marked

    @rule(server=servers, pick=picks, lost=lost_answers)
    def set_aside(self, server: int, pick: int, *, lost: bool) -> None:
        """An event that cannot be published goes out of its key's way, after those before it."""
        relay = self.with_page(server)
        if not relay.page:
            return
        event = self.head(relay, pick)
        relay.page.remove(event)
        self.mark(server, lost=False)
        held = relay.held[event.bucket]
        possible = self.tenure.has(held) and event.id not in self.taken_off
        letter = replace(
            dead_letter(DeadLetterId(self.ask.identifiers.next()), origin=str(event.id)),
            tenant_id=event.tenant_id,
            source="relay",
        )
        content = Content(headers=(), payload=event.payload)
        done = self.sent(
            lambda: self.place.outbox.set_aside(event, held, letter, content), lost=lost
        )
        assert done == (possible and not lost)
        if possible:
            self.taken_off.add(event.id)
            self.aside.add((event.key, event.sequence))
        else:
            # As the relay does: the key waits, and is read anew.
            relay.page = [one for one in relay.page if one.key != event.key]

    @rule(server=servers, pick=picks, count=st.integers(1, 12), lost=lost_answers)
    def mark_too_late(self, server: int, pick: int, count: int, *, lost: bool) -> None:
        """Another relay has what one published when that comes to mark it, and goes on there."""
        self.publish(server, pick, count)
        self.expire_buckets()
        self.lease_buckets(1 - server)
        self.mark(server, lost=lost)
        self.publish(1 - server, pick, count)

    def with_page(self, server: int) -> Relay:
        """The server's relay, which goes on with what it has read, or reads what is due now."""
        relay = self.relays[server]
        if not relay.held:
            self.lease_buckets(server)
        # What it knows to be another's it leaves; of what it lost unawares it goes on with all.
        relay.page = [event for event in relay.page if event.bucket in relay.held]
        relay.page = relay.page or self.read(relay)
        return relay

    def head(self, relay: Relay, pick: int) -> OutgoingEvent:
        """The first event of one of the keys of a page."""
        heads = [next(of_key) for _, of_key in groupby(relay.page, lambda event: event.key)]
        return heads[pick % len(heads)]

    def read(self, relay: Relay) -> list[OutgoingEvent]:
        """What is due is the beginning of all that nobody took off, in order of each key."""
        page = self.run(self.place.outbox.due(sorted(relay.held), None, EVERYTHING))
        due = [event for event in page if event.tenant_id == self.ask.tenant_id]
        expected = list[EventId]()
        for key, of_key in sorted(self.facts().outgoing.items()):
            if bucket_of(key) in relay.held:
                waiting = (event_id for event_id in of_key if event_id not in self.taken_off)
                expected += (EventId(event_id) for event_id in islice(waiting, EACH))
        assert [event.id for event in sorted(due, key=lambda event: event.key)] == expected
        return due

    def lose_relay(self, server: int) -> None:
        """A server dies between what its relay published and what it marked."""
        self.relays[server] = self.born()

    def expire_buckets(self) -> None:
        self.run(self.place.expire_buckets())
        self.tenure.live.clear()

    def publish_the_rest(self) -> None:
        """After all that befell them, every event has reached the reader, once, in its place."""
        self.expire_buckets()
        self.lose_relay(0)
        self.lease_buckets(0)
        relay = self.relays[0]
        assert len(relay.held) == BUCKETS
        while relay.page or self.read(relay):
            self.publish(0, pick=0, count=EVERYTHING)
            self.mark(0, lost=False)
        for key, of_key in self.facts().outgoing.items():
            for number, event_id in enumerate(of_key, start=1):
                found = self.reader.taken.pop((key, number), None)
                assert found == event_id or (found is None and (key, number) in self.aside)
        assert not self.reader.taken
