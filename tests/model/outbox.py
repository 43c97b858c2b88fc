"""What the model knows of outgoing events: who has which bucket, and what a reader has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from application.delivery.ports.outbox import HeldBucket
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import EventId, ServerId

Numbered = tuple[UUID, int]
"""An event as its key and its number under it."""


@dataclass(slots=True, eq=False)
class Relay:
    """A server's relay: what it believes to hold, has read, and has published and not marked."""

    id: ServerId
    held: dict[int, HeldBucket] = field(default_factory=dict[int, HeldBucket])
    page: list[OutgoingEvent] = field(default_factory=list[OutgoingEvent])
    unmarked: list[tuple[OutgoingEvent, HeldBucket]] = field(
        default_factory=list[tuple[OutgoingEvent, HeldBucket]]
    )


@dataclass(slots=True)
class Reader:
    """Whoever reads the topics: it drops what is not above the last number of its key."""

    last: dict[UUID, int] = field(default_factory=dict[UUID, int])
    taken: dict[Numbered, EventId] = field(default_factory=dict[Numbered, EventId])

    def receive(self, event: OutgoingEvent, aside: set[Numbered]) -> None:
        """Nothing is passed over but what was set aside."""
        last = self.last.get(event.key, 0)
        if event.sequence <= last:
            return
        passed_over = {(event.key, number) for number in range(last + 1, event.sequence)}
        assert passed_over <= aside
        self.last[event.key] = event.sequence
        self.taken[event.key, event.sequence] = event.id


@dataclass(slots=True)
class Tenure:
    """The buckets as the store must have them, by what relays were answered.

    `live` are the relays that were here within their time; one that died is until that is over.
    `known` are all there were.
    """

    fences: dict[int, int] = field(default_factory=dict[int, int])
    holders: dict[int, ServerId] = field(default_factory=dict[int, ServerId])
    live: set[ServerId] = field(default_factory=set[ServerId])
    known: set[ServerId] = field(default_factory=set[ServerId])

    def leased(self, answers: Mapping[ServerId, Sequence[HeldBucket]]) -> None:
        """Who asked, together, has these buckets and no others: none is somebody else's."""
        self.live.update(answers)
        self.known.update(answers)
        before = dict(self.holders)
        kept = {number: one for number, one in before.items() if one not in answers}
        for relay_id, held in answers.items():
            for one in held:
                assert kept.get(one.number) not in self.live
                same = self.fences.get(one.number) == one.fence
                assert same == (before.get(one.number) == relay_id)
                assert one.fence >= self.fences.get(one.number, 0)
                kept[one.number] = relay_id
        self.holders = kept
        for held in answers.values():
            self.fences.update((one.number, one.fence) for one in held)

    def left(self, relay_id: ServerId) -> None:
        self.live.discard(relay_id)
        self.holders = {number: one for number, one in self.holders.items() if one != relay_id}

    def has(self, held: HeldBucket) -> bool:
        """Whether nobody was given the bucket since."""
        return self.fences.get(held.number) == held.fence
