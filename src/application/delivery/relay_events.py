"""Publish what was committed: in order per key, at least once, shared by any number of relays."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Final, final

from application.delivery.absences import Key
from application.delivery.ports.outbox import EACH, HeldBucket, Outbox, Place
from application.delivery.ports.publisher import Envelopes, EventPublisher
from application.delivery.relay_state import RelayState, Troubled
from application.delivery.sending import send_event
from application.kernel.ports import Clock, IdentifierSource
from domain.delivery.dead_letter import RELAY, Attempt, Content, DeadLetter, remembered
from domain.delivery.errors import EventFailedError, EventRefusedError, PublisherAwayError
from domain.delivery.outgoing_event import OutgoingEvent
from domain.delivery.outgoing_message import headers_of
from domain.delivery.retry import RETRY_RULES, Trouble
from domain.delivery.topic import topic_of
from domain.kernel.identifiers import DeadLetterId, ServerId

PATIENCE_SECONDS: Final = 0.5
"""How long a pass waits for those of its events that are slow, before the others are marked."""

STOP_SECONDS: Final = 5.0
"""How long events that are on their way are waited for when a relay stops."""

_TROUBLE: Final[Mapping[type, Trouble]] = MappingProxyType(
    {EventFailedError: Trouble.FAILED, EventRefusedError: Trouble.REFUSED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayTerms:
    """How one relay works: its lease of buckets in seconds, and its events under way at most.

    `rest_seconds` is how long it rests when of all its pages none had anything to begin.
    """

    lease_seconds: float = 15.0
    events: int = 1000
    rest_seconds: float = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RelayEvents:
    """One pass over what is due in this relay's buckets. Its own passes follow one another.

    Of one key an event goes out when the one before it was acknowledged; keys do not wait for each
    other. What is slow stays under way while later passes go on. Nothing is locked meanwhile. What
    was acknowledged and could not be marked is published again by whoever has the bucket then:
    consumers drop what is not above the last they saw.

    An event that fails for itself is tried again as its class of trouble says, and then set aside
    as a dead letter; its key goes on. While the publisher is away nothing is counted against any;
    a topic that is away holds up its own events alone, and what stands behind them in their keys.
    `told` hears when the publisher or a topic goes away (why) and all are back ("").
    """

    relay_id: ServerId
    outbox: Outbox
    envelopes: Envelopes
    publisher: EventPublisher
    clock: Clock
    identifiers: IdentifierSource
    told: Callable[[str], None]
    terms: RelayTerms = RelayTerms()
    state: RelayState = field(default_factory=RelayState)

    async def __call__(self) -> int:
        """How many events it looked at, where others wait behind them; 0 where none do.

        Raises:
            StorageUnavailableError: The database does not answer; nothing is lost.
        """
        state = self.state
        if self.clock.monotonic() < state.away_until:
            return 0
        await self._mark_all()
        await self._keep_buckets()
        more, rested = 0, self.clock.monotonic() >= state.rest_until
        if rested and len(state.underway) < self.terms.events:
            more = await self._begin()
        if state.underway:
            await asyncio.wait(state.underway.values(), timeout=PATIENCE_SECONDS)
        await self._mark_all()
        return 0 if self._is_away() else more

    async def stop(self) -> None:
        """Let what is under way arrive, mark it, and give the buckets to the others.

        Raises:
            StorageUnavailableError: The buckets come free when their lease ends.
        """
        state = self.state
        state.stopping = True
        if state.underway:
            await asyncio.wait(state.underway.values(), timeout=STOP_SECONDS)
        late = [task for task in state.underway.values() if not task.done()]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._mark_all()
        await self.outbox.leave(self.relay_id)

    async def _keep_buckets(self) -> None:
        state, began = self.state, self.clock.monotonic()
        if began < state.renew_at:
            return
        held = await self.outbox.lease(self.relay_id, self.terms.lease_seconds)
        state.held = {bucket.number: bucket for bucket in held}
        state.held_until = began + self.terms.lease_seconds
        state.renew_at = began + self.terms.lease_seconds / 3

    async def _begin(self) -> int:
        """Start publishing the next page of what is due, key by key."""
        state, limit = self.state, self.terms.events
        # A key that is under way now may be marked before it is looked at again: not in this pass.
        busy = set(state.underway)
        page = await self.outbox.due(sorted(state.held), state.page_ended, limit)
        full = len(page) == limit
        first = state.page_ended is None
        # A page ends behind its last key, whatever else that has: each key has its turn.
        state.page_ended = Place(page[-1].bucket, page[-1].key) if full else None
        now, more = self.clock.monotonic(), full
        state.goes_on = not first and state.goes_on
        for key, events in self._by_key(page):
            waits = state.troubled.get(key)
            state.goes_on = state.goes_on or key in busy
            if state.absences.is_waited_for(topic_of(events[0].type), now):
                continue
            if key not in busy and (waits is None or waits.due_at <= now):
                state.underway[key] = asyncio.create_task(self._publish_in_order(key, events))
                more, state.goes_on = more or len(events) == EACH, True
        # Pages that only wait are passed over for those behind them, and not again at once, whoever
        # rings: what waits for a topic may be many pages, and is not to be read at each commit.
        if not (full or first or state.goes_on):
            state.rest_until = now + self.terms.rest_seconds
        return len(page) if more else 0

    def _by_key(self, page: Sequence[OutgoingEvent]) -> Iterable[tuple[Key, list[OutgoingEvent]]]:
        """The events of each key, in their order.

        Where a topic is away any key may come first, and ask for it: one whose own partition stays
        away keeps off no other.
        """
        keys = ((key, list(events)) for key, events in groupby(page, key=_key_of))
        if not self.state.absences.topics:
            return keys
        found = list(keys)
        first = int(self._fraction() * len(found))
        return [*found[first:], *found[:first]]

    async def _publish_in_order(self, key: Key, events: Sequence[OutgoingEvent]) -> None:
        state = self.state
        bucket = events[0].bucket
        for event in events:
            held = state.held.get(bucket)
            if held is None or state.away or state.stopping:
                return
            now, topic = self.clock.monotonic(), topic_of(event.type)
            if now >= state.held_until or state.absences.is_waited_for(topic, now):
                return
            state.absences.asks(topic, key)
            try:
                await send_event(event, self.envelopes, self.publisher)
            except PublisherAwayError as away:
                self._note_away(key, topic, away)
                return
            except (EventFailedError, EventRefusedError) as error:
                if not await self._set_aside_at_last(key, event, held, error):
                    return
            else:
                state.troubled.pop(key, None)
                state.unmarked.append((event, held))
                self._is_back(topic)
            finally:
                state.absences.has_answered(topic, key)

    async def _set_aside_at_last(
        self,
        key: Key,
        event: OutgoingEvent,
        held: HeldBucket,
        error: EventFailedError | EventRefusedError,
    ) -> bool:
        """Whether the event is out of its key's way; otherwise it is tried again later."""
        state, now = self.state, self.clock.now()
        known = state.troubled.get(key)
        before = known.attempts if known is not None and known.event_id == event.id else ()
        attempts = (*before, Attempt(now, error.facts["cause"]))
        pause = RETRY_RULES[_TROUBLE[type(error)]].pause(len(attempts), self._fraction())
        if pause is not None:
            due_at = self.clock.monotonic() + pause.total_seconds()
            state.troubled[key] = Troubled(event.id, attempts, due_at)
            return False
        # Those before it are marked first: its key must not look as if it had gone ahead of them.
        of_key = [one for one in state.unmarked if _key_of(one[0]) == key]
        state.unmarked = [one for one in state.unmarked if _key_of(one[0]) != key]
        await self._mark(of_key)
        letter, content = self._letter(event, attempts, error)
        aside = await self.outbox.set_aside(event, held, letter, content)
        state.troubled.pop(key, None)
        return aside

    def _letter(
        self,
        event: OutgoingEvent,
        attempts: tuple[Attempt, ...],
        error: EventFailedError | EventRefusedError,
    ) -> tuple[DeadLetter, Content]:
        value = self._value_of(event)
        letter = DeadLetter(
            id=DeadLetterId(self.identifiers.next()),
            tenant_id=event.tenant_id,
            tenant=event.tenant,
            source=RELAY,
            origin=str(event.id),
            topic=topic_of(event.type),
            key=event.key_name.encode(),
            type=event.type,
            payload_bytes=len(value),
            reason=error.reason,
            cause=error.facts["cause"],
            attempts=remembered(attempts),
            created_at=attempts[-1].at,
        )
        return letter, Content.of(headers_of(event), value)

    def _value_of(self, event: OutgoingEvent) -> bytes:
        """The envelope; of an event that has none the bare payload."""
        try:
            return self.envelopes(event)
        except Exception:  # noqa: BLE001 - whatever it was, its try has told of it
            return event.payload

    async def _mark_all(self) -> None:
        """Take off what was acknowledged; a chain that failed for want of the database says so."""
        state = self.state
        ended = {key: task for key, task in state.underway.items() if task.done()}
        for key in ended:
            del state.underway[key]
        acknowledged, state.unmarked = state.unmarked, []
        await self._mark(acknowledged)
        for task in ended.values():
            if not task.cancelled():
                task.result()

    async def _mark(self, acknowledged: Sequence[tuple[OutgoingEvent, HeldBucket]]) -> None:
        """Take these off, which stand among the unmarked no longer; where that fails, again."""
        if not acknowledged:
            return
        try:
            await self.outbox.mark_published(
                [event for event, _ in acknowledged], list({held for _, held in acknowledged})
            )
        except BaseException:
            self.state.unmarked = [*acknowledged, *self.state.unmarked]
            raise

    def _note_away(self, key: Key, topic: str, away: PublisherAwayError) -> None:
        state = self.state
        if not away.topic:
            state.away = str(away)
        elif state.absences.is_away(topic, key, self.clock.monotonic(), self._fraction()):
            self.told(str(away))

    def _is_back(self, topic: str) -> None:
        """Tell that the publisher takes events again, by the first that arrived."""
        state = self.state
        back = state.absences.is_back(topic)
        if state.away_times and not state.away:
            state.away_times, back = 0, not state.absences.topics
        if back:
            self.told("")

    def _is_away(self) -> bool:
        """Whether to rest, because the publisher was away in this pass."""
        state = self.state
        if not state.away:
            return False
        if not state.away_times:
            self.told(state.away)
        state.away_times += 1
        pause = RETRY_RULES[Trouble.AWAY].pause(state.away_times, self._fraction())
        state.away, state.away_until = "", self.clock.monotonic()
        if pause is not None:
            state.away_until += pause.total_seconds()
        return True

    def _fraction(self) -> float:
        """A random number in [0, 1)."""
        return int.from_bytes(self.identifiers.nonce()[:4]) / (1 << 32)


def _key_of(event: OutgoingEvent) -> Key:
    return event.tenant_id.int, event.key.int
