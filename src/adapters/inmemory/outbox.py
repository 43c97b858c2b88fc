"""Outgoing events in process memory, as the relays see them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from math import ceil
from typing import final
from uuid import UUID

from adapters.inmemory.dead_letters import InMemoryDeadLetters
from adapters.inmemory.store import InMemoryStore, StoredEvent
from application.delivery.ports.outbox import EACH, Backlog, HeldBucket, Place
from application.kernel.ports import Clock
from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.outgoing_event import BUCKETS, OutgoingEvent
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import EventId, ServerId

NOBODY = ServerId(UUID(int=0))


@dataclass(slots=True)
class _Bucket:
    fence: int = 0
    owner: ServerId = NOBODY
    lease_until: float = 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryOutbox:
    """An `Outbox` for all relays of a process; `encode` gives an event's type and payload."""

    store: InMemoryStore
    clock: Clock
    letters: InMemoryDeadLetters
    encode: Callable[[DomainEvent], tuple[str, bytes]]
    slug: Callable[[UUID], str] = str
    gone: set[EventId] = field(default_factory=set[EventId])
    live_until: dict[ServerId, float] = field(default_factory=dict[ServerId, float])
    buckets: list[_Bucket] = field(default_factory=lambda: [_Bucket() for _ in range(BUCKETS)])

    async def lease(self, relay_id: ServerId, seconds: float) -> Sequence[HeldBucket]:
        now = self.clock.monotonic()
        until = self.live_until[relay_id] = now + seconds
        live = sum(one > now for one in self.live_until.values())
        share = ceil(BUCKETS / live)
        mine = [bucket for bucket in self.buckets if bucket.owner == relay_id]
        for bucket in mine[share:]:
            bucket.owner = NOBODY
        for bucket in mine[:share]:
            bucket.lease_until = until
        free = [
            bucket for bucket in self.buckets if bucket.owner == NOBODY or bucket.lease_until < now
        ]
        for bucket in free[: max(share - len(mine), 0)]:
            bucket.fence, bucket.owner, bucket.lease_until = bucket.fence + 1, relay_id, until
        return [
            HeldBucket(number, bucket.fence)
            for number, bucket in enumerate(self.buckets)
            if bucket.owner == relay_id
        ]

    async def leave(self, relay_id: ServerId) -> None:
        self.live_until.pop(relay_id, None)
        for bucket in self.buckets:
            if bucket.owner == relay_id:
                bucket.owner = NOBODY

    async def due(
        self, buckets: Sequence[int], after: Place | None, limit: int
    ) -> Sequence[OutgoingEvent]:
        wanted, above = set(buckets), (-1, UUID(int=0)) if after is None else _place(after)
        waiting = [self._outgoing(stored) for stored in self._waiting()]
        found = [
            event
            for event in waiting
            if event.bucket in wanted and (event.bucket, event.key) > above
        ]
        found.sort(key=lambda one: (one.bucket, one.key, one.sequence))
        first = [list(islice(events, EACH)) for _, events in groupby(found, lambda one: one.key)]
        return list(chain.from_iterable(first))[:limit]

    async def mark_published(
        self, events: Sequence[OutgoingEvent], held: Sequence[HeldBucket]
    ) -> int:
        marked = {
            event.id
            for event in events
            if event.id not in self.gone and any(self._is_held(event, one) for one in held)
        }
        self.gone.update(marked)
        return len(marked)

    async def set_aside(
        self, event: OutgoingEvent, held: HeldBucket, letter: DeadLetter, content: Content
    ) -> bool:
        if event.id in self.gone or not self._is_held(event, held):
            return False
        self.gone.add(event.id)
        await self.letters.put(letter, content)
        return True

    async def backlog(self, most: int) -> Backlog:
        waiting = self._waiting()[:most]
        oldest = min((one.event.occurred_at for one in waiting), default=self.clock.now())
        return Backlog(len(waiting), (self.clock.now() - oldest).total_seconds())

    def _waiting(self) -> list[StoredEvent]:
        return [
            stored
            for events in self.store.outbox.values()
            for stored in events
            if stored.event.id not in self.gone
        ]

    def _is_held(self, event: OutgoingEvent, held: HeldBucket) -> bool:
        return event.bucket == held.number and self.buckets[held.number].fence == held.fence

    def _outgoing(self, stored: StoredEvent) -> OutgoingEvent:
        event = stored.event
        kind, payload = self.encode(event)
        return OutgoingEvent(
            id=event.id,
            tenant_id=event.tenant_id,
            tenant=self.slug(event.tenant_id),
            key=event.key,
            sequence=stored.sequence,
            type=kind,
            version=1,
            traceparent="",
            occurred_at=event.occurred_at,
            payload=payload,
        )


def _place(after: Place) -> tuple[int, UUID]:
    return after.bucket, after.key
