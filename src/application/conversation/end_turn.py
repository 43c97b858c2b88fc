"""End a turn that nobody drives: it waits, or its server was lost and nobody goes on with it."""

from dataclasses import dataclass, replace
from typing import Final, final

from application.conversation.drive_turn import BROKEN, failure_of
from application.conversation.ending import Ending
from application.conversation.lost_turn import LostTurn
from application.conversation.phases.save import SaveTurn
from application.conversation.phases.tool_round import WAITING
from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.journal import Grant
from application.conversation.ports.observing import TakenOver
from application.conversation.ports.reading import TurnReader, UnreadableError
from application.conversation.ports.signals import TurnSignals
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.kernel.ports import Clock, IdentifierSource
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import Failure, Turn, TurnState
from domain.conversation.turn_event import Restarted
from domain.kernel.errors import DomainError
from domain.kernel.identifiers import RecordId
from domain.tools.errors import ToolOutcomeUnknownError
from domain.tools.invocation import Invocation, InvocationState

FAR: Final = 1 << 62

IDLE_SECONDS: Final = 60.0
"""Nobody has a lease on a turn that waits; its end takes less."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EndTurn:
    """The same end as a driver's, record and settlement included, without one."""

    save: SaveTurn
    reader: TurnReader
    signals: TurnSignals
    clock: Clock
    identifiers: IdentifierSource

    async def cancel(self, turn: Turn, by: str) -> None:
        """End a turn that is queued or paused. Whoever was quicker has decided otherwise."""
        await self._end_idle(turn, self._ending(turn, TurnState.CANCELLED, by=by))

    async def fail(self, turn: Turn, refusal: DomainError) -> None:
        """End a turn that is queued or paused and can never go on."""
        await self._end_idle(turn, self._ending(turn, TurnState.FAILED, failure_of(refusal)))

    async def _end_idle(self, turn: Turn, ending: Ending) -> None:
        last = await self.reader.last_sequence(turn.tenant_id, turn.id)
        held = self._held(turn, first=last + 1, lease=IDLE_SECONDS)
        kept = await self._kept(turn)
        progress = Progress.since(self.clock, kept, turn)
        calls = await self.reader.invocations(turn.tenant_id, turn.id)
        progress.invocations += [one for one in calls if one.state not in WAITING]
        progress.rest(calls)
        waiting = [one for one in calls if one.state is InvocationState.PENDING_APPROVAL]
        await self._save(held, replace(ending, undecided=tuple(waiting)), progress)

    async def lost(self, lost: LostTurn, *, failure: Failure | None = None, by: str = "") -> bool:
        """End a turn whose server was lost: failed, or cancelled by somebody.

        False when it is another server's by now.

        What it used since its last settlement is settled as far as it is known. A call that was
        started and not heard of again is written down as unknown.
        """
        turn, void = lost.turn, lost.void
        # The event's own number is the last that it covers, so that the next one follows it.
        held = self._held(turn, first=void.last_sequence, lease=lost.abandoned.lease_seconds)
        held.log.append(void)
        progress = lost.progress(self.clock)
        progress.started.update({one.id: one for one in lost.begun})
        progress.invocations += [*lost.ended, *(_unknown(one) for one in lost.begun)]
        state = TurnState.CANCELLED if failure is None else TurnState.FAILED
        return await self._save(held, self._ending(turn, state, failure, by), progress)

    async def unread(self, turn: Turn, seconds_left: float) -> TakenOver:
        """End a turn that was taken over and that cannot be gone on with, nor ended, as others are.

        It ends when its time is over, or somebody asked for its cancellation; before, a server
        of another release may know better. What it used since its last settlement is not known and
        not billed; what it held is given back.
        """
        asked = await self.signals.cancellations([(turn.tenant_id, turn.id)])
        if not asked and seconds_left > 0:
            return TakenOver.BROKE
        first = await self.reader.last_sequence(turn.tenant_id, turn.id) + 1
        # The take-over has raised the ceiling: what was shown is well below, and the end fits, too.
        last = max(first, await self.reader.ceiling(turn.tenant_id, turn.id) - 1)
        held = self._held(turn, first=last, lease=IDLE_SECONDS)
        held.log.append(Restarted(first, last))
        progress = Progress.since(self.clock, Checkpoint(usage=turn.usage), turn)
        calls = await self.reader.invocations(turn.tenant_id, turn.id)
        begun = [one for one in calls if one.state is InvocationState.STARTED]
        progress.started.update({one.id: one for one in begun})
        ended = [one for one in calls if one.state not in WAITING and one not in begun]
        progress.invocations += [*ended, *(_unknown(one) for one in begun)]
        progress.rest(calls)
        became = TakenOver.CANCELLED if asked else TakenOver.FAILED
        ending = (
            self._ending(turn, TurnState.CANCELLED, by=asked[0][1])
            if asked
            else self._ending(turn, TurnState.FAILED, BROKEN)
        )
        return became if await self._save(held, ending, progress) else TakenOver.LEFT

    async def _kept(self, turn: Turn) -> Checkpoint:
        try:
            return await self.reader.checkpoint(turn.tenant_id, turn.id)
        except UnreadableError:
            return Checkpoint(usage=turn.usage)

    def _held(self, turn: Turn, *, first: int, lease: float) -> RunningTurn:
        async def keep(_: RunningTurn) -> None:
            """Nothing is renewed: the end follows at once."""

        return RunningTurn(
            tenant_id=turn.tenant_id,
            session_id=turn.session_id,
            grant=Grant(
                turn_id=turn.id,
                state=turn.state,
                fence=turn.fence,
                lease_seconds=lease,
                ceiling=FAR,
                first_sequence=first,
            ),
            asked_at=self.clock.monotonic(),
            clock=self.clock,
            keep=keep,
        )

    def _ending(
        self, turn: Turn, state: TurnState, failure: Failure | None = None, by: str = ""
    ) -> Ending:
        return Ending(
            state=state,
            record_id=RecordId(self.identifiers.next()),
            order=turn.order,
            capsule_version_id=turn.capsule_version_id,
            failure=failure,
            by=by,
        )

    async def _save(self, held: RunningTurn, ending: Ending, progress: Progress) -> bool:
        try:
            finished = await self.save(held, progress, ending)
        except StaleFenceError:
            return False
        if finished.promoted is not None and finished.owner is not None:
            await self.signals.promoted(finished.promoted, finished.owner)
        return True


def _unknown(invocation: Invocation) -> Invocation:
    reason = ToolOutcomeUnknownError.reason
    return replace(invocation, state=InvocationState.UNKNOWN, reason=reason)
