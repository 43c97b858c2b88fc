"""Follow the events of a turn, wherever it is driven."""

from asyncio import Event, timeout
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from application.conversation.ports.reading import TurnReader
from application.conversation.ports.signals import TurnSignals
from application.conversation.told_turn import told_turn
from application.conversation.turn_drivers import TurnDrivers
from application.conversation.turn_log import TurnLog
from domain.conversation.errors import SequenceOutOfRangeError
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Paused, TurnEvent
from domain.kernel.identifiers import TenantId, TurnId

NET_SECONDS: Final = 1.0
"""How often a watcher looks by himself, should a signal be lost."""

PAGE: Final = 256
"""How many stored events are held at once: as many as are written together at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTurnQuery:
    """The events above `after_sequence`: 0 for all."""

    tenant_id: TenantId
    turn_id: TurnId
    after_sequence: int = 0


@final
@dataclass(slots=True)
class Watchers:
    """Who waits in this process for events of turns that another one drives."""

    _bells: dict[TurnId, set[Event]] = field(default_factory=dict[TurnId, set[Event]])

    def ring(self, turn_id: TurnId | None) -> None:
        """Wake those who wait for a turn; all of them when it is not known which."""
        named = [turn_id] if turn_id is not None else list(self._bells)
        for name in named:
            for bell in self._bells.get(name, ()):
                bell.set()

    async def wait(self, turn_id: TurnId, seconds: float) -> None:
        """Wait until the turn's bell rings, at most so long."""
        bell = Event()
        bells = self._bells.setdefault(turn_id, set())
        bells.add(bell)
        try:
            async with timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
        finally:
            bells.discard(bell)
            if not bells:
                self._bells.pop(turn_id, None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTurn:
    """Every watcher sees the same events. One that reads slowly slows nobody but himself.

    The stream ends with the turn's final event, or with `Paused` while the turn is still paused.
    """

    reader: TurnReader
    signals: TurnSignals
    drivers: TurnDrivers
    watchers: Watchers

    async def __call__(self, query: WatchTurnQuery) -> AsyncGenerator[TurnEvent]:
        """Yield the events in order.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
            SequenceOutOfRangeError: The turn has no such number yet, or has ended without it.
        """
        after = query.after_sequence
        if after:
            await self._check_range(query)
        log = self._log(query, after)
        while True:
            found = await (self._stored(query, after) if log is None else log.more(after))
            for event in found:
                yield event
                after = event.last_sequence
            if await self._is_over(query, found[-1] if found else None, after):
                return
            if log is None or not found:
                log = self._log(query, after)  # one that has ended shows the rest all the same

    def _log(self, query: WatchTurnQuery, after: int) -> TurnLog | None:
        """The log of the turn's driver here; None when the table must be read instead.

        That is so when another process drives it, or may, when the watcher has fallen behind what
        the log keeps, and when nothing more comes here.
        """
        log = self._own(query)
        if log is None:
            return None
        done = log.closed and after + 1 >= log.next_sequence
        return None if done or after + 1 < log.first_kept else log

    def _own(self, query: WatchTurnQuery) -> TurnLog | None:
        """The log of a turn that surely is driven here: nobody takes it while its lease runs."""
        running = self.drivers.find(query.turn_id)
        if running is None or running.tenant_id != query.tenant_id or running.lease_left <= 0:
            return None
        return running.log

    async def _stored(self, query: WatchTurnQuery, after: int) -> Sequence[TurnEvent]:
        """What is written next; when that is nothing, wait until there may be more."""
        page = await self.reader.events(query.tenant_id, query.turn_id, after, PAGE)
        if not page:
            turn = await told_turn(self.reader, query.tenant_id, query.turn_id)
            if turn.state in (TurnState.QUEUED, TurnState.RUNNING):
                await self.signals.watch(query.tenant_id, query.turn_id)
                await self.watchers.wait(query.turn_id, NET_SECONDS)
        return page

    async def _is_over(self, query: WatchTurnQuery, last: TurnEvent | None, after: int) -> bool:
        """Whether no more will come: the turn has ended, or it is paused, and all was shown.

        What ends it, or pauses it, may have been committed since the events were read.

        Raises:
            SequenceOutOfRangeError: There never was what was asked for.
        """
        if last is not None and not isinstance(last.body, Paused):
            return last.final
        turn = await told_turn(self.reader, query.tenant_id, query.turn_id)
        if not (turn.state.final or turn.state is TurnState.PAUSED):
            return False
        if await self.reader.events(query.tenant_id, query.turn_id, after, 1):
            return False
        if last is None:
            await self._check_written(query, after)
        return True

    async def _check_range(self, query: WatchTurnQuery) -> None:
        log = self._own(query)
        if log is not None:
            last = log.next_sequence - 1
        else:
            turn = await told_turn(self.reader, query.tenant_id, query.turn_id)
            if turn.state is not TurnState.RUNNING:
                await self._check_written(query, query.after_sequence)
                return
            # Its driver, elsewhere, may have shown more than is written.
            last = await self.reader.ceiling(query.tenant_id, query.turn_id)
        if query.after_sequence > last:
            raise SequenceOutOfRangeError(query.after_sequence, last)

    async def _check_written(self, query: WatchTurnQuery, after: int) -> None:
        last = await self.reader.last_sequence(query.tenant_id, query.turn_id)
        if after > last:
            raise SequenceOutOfRangeError(after, last)
