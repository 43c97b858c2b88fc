"""The numbered events of one running turn, as its process keeps them for watchers."""

from asyncio import Future, get_running_loop
from typing import Final, final

from application.kernel.ports import Clock
from domain.conversation.turn_event import TextAdded, TurnEvent, TurnEventBody

KEPT_EVENTS: Final = 1024
"""Written events that stay in memory for watchers; who falls further behind reads the table."""

EVENT_BYTES: Final = 64
"""What an event counts for besides its text."""


@final
class TurnLog:
    """Events are numbered once, here, and every watcher sees the same ones.

    Not yet written events are always kept; the driver stops showing more when there are too many
    (`unwritten_bytes`). The log belongs to one event loop.
    """

    __slots__ = (
        "_clock",
        "_closed",
        "_events",
        "_first",
        "_waiters",
        "_written",
        "unwritten_bytes",
    )

    def __init__(self, clock: Clock, *, first_sequence: int = 1) -> None:
        self._clock = clock
        self._first = first_sequence
        self._events: list[TurnEvent] = []
        self._written = first_sequence - 1
        self._waiters: list[Future[None]] = []
        self._closed = False
        self.unwritten_bytes = 0

    @property
    def next_sequence(self) -> int:
        return self._first + len(self._events)

    @property
    def first_kept(self) -> int:
        return self._first

    @property
    def closed(self) -> bool:
        """Whether nothing more comes here: the turn ended, paused, or went to another server."""
        return self._closed

    @property
    def unwritten(self) -> tuple[TurnEvent, ...]:
        return tuple(self._events[self._written + 1 - self._first :])

    def append(self, body: TurnEventBody) -> TurnEvent:
        event = TurnEvent(self.next_sequence, self._clock.now(), body)
        self._events.append(event)
        self.unwritten_bytes += _bytes(body)
        if self._waiters:
            self.wake()
        return event

    def number(self, *bodies: TurnEventBody) -> tuple[TurnEvent, ...]:
        """Number events that are to be committed before anybody may see them; `show` shows them."""
        at = self._clock.now()
        return tuple(
            TurnEvent(sequence, at, body)
            for sequence, body in enumerate(bodies, self.next_sequence)
        )

    def show(self, events: tuple[TurnEvent, ...]) -> None:
        """Show numbered events, which are committed with all before them, and close the log."""
        self._events.extend(events)
        self.mark_written(self.next_sequence - 1)
        self.close()

    def mark_written(self, sequence: int) -> None:
        """Everything up to this number is in the database; the oldest of it may be forgotten."""
        self._written = max(self._written, sequence)
        spare = min(len(self._events) - KEPT_EVENTS, self._written + 1 - self._first)
        if spare > 0:
            del self._events[:spare]
            self._first += spare
        self.unwritten_bytes = sum(_bytes(event.body) for event in self.unwritten)

    def close(self) -> None:
        self._closed = True
        self.wake()

    def after(self, sequence: int, limit: int = 64) -> list[TurnEvent] | None:
        """The events above a number, at most so many; None when some are forgotten here."""
        if sequence + 1 < self._first:
            return None
        start = sequence + 1 - self._first
        return self._events[start : start + limit]

    async def more(self, sequence: int) -> list[TurnEvent]:
        """The next events above a number, waited for.

        Empty when no more come, or are kept, here, or when watchers were woken to look elsewhere.
        """
        if (events := self.after(sequence)) == []:
            await self.changed(sequence)
            events = self.after(sequence)
        return events or []

    async def changed(self, sequence: int) -> None:
        """Wait for an event above the number, until the log is closed or watchers are woken."""
        if self._closed or self.next_sequence > sequence + 1:
            return
        waiter: Future[None] = get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def wake(self) -> None:
        """Let those who wait look anew, for the turn may be driven elsewhere by now."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _bytes(body: TurnEventBody) -> int:
    """What an event is counted as; of a text that is no UTF-8 what it will be at the least."""
    text = body.delta if isinstance(body, TextAdded) else ""
    return EVENT_BYTES + (len(text) if text.isascii() else len(text.encode("utf-8", "replace")))
