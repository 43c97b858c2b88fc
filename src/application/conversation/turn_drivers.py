"""The turns that this process drives: their tasks, leases, events, cancellations and end."""

from asyncio import Task, create_task, gather, shield, sleep, timeout, wait
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar, final

from application.conversation.ports.journal import Grant
from application.conversation.ports.leases import Driven, EventBatch, Renewal, TurnLeases
from application.conversation.ports.signals import TurnSignals
from application.conversation.running_turn import AGAIN_SECONDS, CEILING_STEP, RunningTurn
from application.kernel.ports import Clock
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import SessionId, TenantId, TurnId

FLUSH_BYTES: Final = 16 * 1024
"""So much unwritten text is written before the next interval."""

LONG_SECONDS: Final = 2.0
"""A turn that runs longer has its events written while it runs."""

EVENTS_A_BATCH: Final = 256

T = TypeVar("T")


class Drive(Protocol):
    """What a driver does for a turn, from its grant to its end; it raises when it is cancelled."""

    def __call__(self, turn: RunningTurn) -> Coroutine[None, None, None]: ...


@final
@dataclass(slots=True, kw_only=True)
class TurnDrivers:
    """Every running turn is a task here; what keeps them alive runs for all of them together.

    `keep` is called at an interval (a quarter of a second): it renews leases before a third of them
    is left, writes events of long or watched turns, looks for cancellations that a signal did not
    bring, and wakes the watchers of turns whose lease has run out all the same.
    """

    leases: TurnLeases
    signals: TurnSignals
    clock: Clock
    lease_seconds: float
    _turns: dict[TurnId, RunningTurn] = field(default_factory=dict[TurnId, RunningTurn])
    _works: set[Task[object]] = field(default_factory=set[Task[object]])
    _looked: float = 0.0
    leaving: bool = field(default=False, init=False)

    def start(
        self,
        *,
        tenant_id: TenantId,
        session_id: SessionId,
        grant: Grant,
        asked_at: float,
        drive: Drive,
    ) -> RunningTurn:
        """Drive a turn that was granted to this server, in a task of its own.

        `asked_at` is the monotonic time before the grant was asked for: its lease counts from then.
        A turn that was paused may be resumed here before its driver has heard that it is paused.
        """
        known = self._turns.get(grant.turn_id)
        if known is not None:
            if known.fence >= grant.fence:
                return known
            known.log.close()  # its driver may stand still, and nothing keeps it any more
        turn = RunningTurn(
            tenant_id=tenant_id,
            session_id=session_id,
            grant=grant,
            asked_at=asked_at,
            clock=self.clock,
            keep=self._make_room,
        )
        self._turns[turn.turn_id] = turn
        turn.task = create_task(self._run(turn, drive), name=f"turn {turn.turn_id}")
        return turn

    def find(self, turn_id: TurnId) -> RunningTurn | None:
        return self._turns.get(turn_id)

    def lose(self, turn_id: TurnId, fence: int) -> None:
        """Stop a driver whose turn was taken over under a higher fence."""
        known = self._turns.get(turn_id)
        if known is not None and known.fence < fence:
            known.lost()

    def __len__(self) -> int:
        return len(self._turns)

    async def drain(self, seconds: float) -> int:
        """Let the turns end, with those that begin meanwhile; hand back those that did not by then.

        After that no turn is begun here, and none taken over: another server goes on with them.
        How many were handed back.
        """
        try:
            async with timeout(seconds):
                while going := {*self._works, *self._tasks()}:
                    await wait(going)
        except TimeoutError:
            pass
        self.leaving = True
        going_on = self._tasks()
        late = [turn for turn in self._turns.values() if not turn.closing]
        for turn in late:
            turn.lost()
        if going_on:
            await wait(going_on, timeout=seconds)
        with suppress(StorageUnavailableError):  # then their leases run out by themselves
            await self.leases.hand_back(
                [Driven(turn.tenant_id, turn.turn_id, turn.fence) for turn in late]
            )
        return len(late)

    def _tasks(self) -> set[Task[None]]:
        return {turn.task for turn in self._turns.values() if turn.task is not None}

    async def to_the_end(self, work: Coroutine[None, None, T]) -> T:
        """Do what must not stop half-way when its caller goes away: take a turn on and start it."""
        task = create_task(work)
        self._works.add(task)
        task.add_done_callback(self._done)
        return await shield(task)

    def _done(self, task: Task[object]) -> None:
        self._works.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: whoever waited may have gone

    async def keep(self) -> None:
        """Renew, write and look, once."""
        turns = list(self._turns.values())
        now = self.clock.monotonic()
        due = [turn for turn in turns if self._is_due(turn)]
        writing = [turn for turn in turns if self._is_to_be_written(turn, now)]
        jobs: list[Coroutine[None, None, None]] = []
        if due:
            jobs.append(self._renew_or_wake(due))
        if writing:
            jobs.append(self._write(writing))
        if turns and now - self._looked >= 1.0:
            self._looked = now
            jobs.append(self.look())
        await gather(*jobs)

    def _is_due(self, turn: RunningTurn) -> bool:
        near = turn.log.next_sequence + CEILING_STEP // 2 > turn.ceiling
        return turn.fence > 0 and (turn.lease_left < self.lease_seconds * 2 / 3 or near)

    def _is_to_be_written(self, turn: RunningTurn, now: float) -> bool:
        if not turn.log.unwritten_bytes and not turn.unsure:
            return False
        long = now - turn.started_at > LONG_SECONDS
        return turn.watched or long or turn.log.unwritten_bytes >= FLUSH_BYTES

    async def _run(self, turn: RunningTurn, drive: Drive) -> None:
        turn.begun = True
        try:
            # Whoever has lost his turn leaves it to its new driver.
            with suppress(StaleFenceError):
                await drive(turn)
        finally:
            turn.log.close()
            turn.ended.set()
            if self._turns.get(turn.turn_id) is turn:
                del self._turns[turn.turn_id]

    async def _renew_or_wake(self, turns: list[RunningTurn]) -> None:
        """Renew; watchers of a turn whose lease is over all the same look elsewhere."""
        await self._renew(turns)
        for turn in turns:
            if turn.lease_left <= 0:
                turn.log.wake()

    async def _make_room(self, turn: RunningTurn) -> None:
        await self._write([turn])
        await self._renew([turn])

    async def _renew(self, turns: list[RunningTurn]) -> None:
        asked = [
            Renewal(turn.tenant_id, turn.turn_id, turn.fence, turn.log.next_sequence + CEILING_STEP)
            for turn in turns
        ]
        asked_at = self.clock.monotonic()
        try:
            answers = await self.leases.renew(asked)
        except StorageUnavailableError:
            return
        for turn, renewal, seconds in zip(turns, asked, answers, strict=True):
            if seconds is None:
                turn.lost()
            elif seconds > 0:
                turn.renewed(seconds, renewal.ceiling, asked_at)

    async def write_all(self, turn: RunningTurn) -> None:
        """Write a batch whose fate is not known; called under `turn.writing` before the end.

        Raises:
            StorageUnavailableError: It is still not known.
        """
        while turn.unsure:
            answers = await self.leases.append(
                [EventBatch(turn.tenant_id, turn.turn_id, turn.fence, turn.unsure)]
            )
            if answers[0] is not False:
                self._note(turn, written=bool(answers[0]))
                return
            await sleep(AGAIN_SECONDS)

    async def _write(self, turns: Iterable[RunningTurn]) -> None:
        free = [turn for turn in turns if not turn.writing.locked()]
        for turn in free:
            await turn.writing.acquire()
        try:
            await self._append(free)
        except StorageUnavailableError:
            return
        finally:
            for turn in free:
                turn.writing.release()

    async def _append(self, turns: list[RunningTurn]) -> None:
        for turn in turns:
            # Kept until its fate is known, so that no larger one is sent then.
            turn.unsure = turn.unsure or turn.log.unwritten[:EVENTS_A_BATCH]
        sent = [turn for turn in turns if turn.unsure]
        if not sent:
            return
        answers = await self.leases.append(
            [EventBatch(turn.tenant_id, turn.turn_id, turn.fence, turn.unsure) for turn in sent]
        )
        told: list[tuple[TenantId, TurnId]] = []
        for turn, written in zip(sent, answers, strict=True):
            if written is None:
                turn.lost()
            elif written:
                self._note(turn, written=True)
                if turn.watched:
                    told.append((turn.tenant_id, turn.turn_id))
        if told:
            await self.signals.written(told)

    def _note(self, turn: RunningTurn, *, written: bool) -> None:
        events, turn.unsure = turn.unsure, ()
        if written:
            turn.log.mark_written(events[-1].sequence)
        else:
            turn.lost()

    async def look(self) -> None:
        """Read what has been asked of this process's turns: to cancel them, to write often."""
        turns = list(self._turns.values())
        if not turns:
            return
        names = [(turn.tenant_id, turn.turn_id) for turn in turns]
        try:
            async with timeout(self.lease_seconds / 3):
                cancelled = await self.signals.cancellations(names)
                watched = await self.signals.watched(names)
        except (StorageUnavailableError, TimeoutError):
            return
        for turn_id, by in cancelled:
            if turn := self._turns.get(turn_id):
                turn.cancel(by)
        for turn_id in watched:
            if turn := self._turns.get(turn_id):
                turn.watched = True
