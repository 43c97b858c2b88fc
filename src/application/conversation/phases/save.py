"""Phase 10: the end of a turn, in one commit, and only then its last event to the client."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.ending import Ending
from application.conversation.holds import turn_uses
from application.conversation.ports.journal import Finished, FinishTurn, TurnJournal
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.conversation.turn_drivers import TurnDrivers
from application.conversation.turn_record import turn_record, turn_trace
from application.kernel.insisting import insisting
from application.kernel.ports import CanonicalJson, Clock, IdentifierSource
from application.provenance.ports import SealBell
from application.provenance.record_form import form_of
from application.tools.ports import EffectJournal, InvocationReader, Outcome
from domain.kernel.identifiers import MessageId
from domain.tools.errors import (
    InvocationAlreadyDecidedError,
    InvocationNotFoundError,
    ToolOutcomeUnknownError,
)
from domain.tools.invocation import Invocation, InvocationState

CANCELLED: Final = "TURN_CANCELLED"
"""Why a call of a cancelled turn was never run."""

OUTCOMES: Final = (InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.UNKNOWN)
"""How calls end that were started."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SaveTurn:
    """Messages, events, settlement, ledger lines, record and outgoing events, or nothing at all.

    A tool with effects whose outcome was not heard is written down as unknown first; a call that
    was approved, or still waits, and has not run never does.
    """

    journal: TurnJournal
    effects: EffectJournal
    invocations: InvocationReader
    drivers: TurnDrivers
    bell: SealBell
    json: CanonicalJson
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(
        self, turn: RunningTurn, progress: Progress, ending: Ending, *, attempts: int = 1
    ) -> Finished:
        """End the turn; each step is tried so often.

        Raises:
            StaleFenceError: Another server ended it, or drives it now.
            StorageUnavailableError: It is not known whether it was done.
        """
        await insisting(lambda: self._hear(turn, progress), attempts)
        progress.give_up_resting(ending.reason or CANCELLED, self.clock.now())
        async with turn.writing:
            await insisting(lambda: self.drivers.write_all(turn), attempts)
            # Made once: what is shown is what was written, whichever try was.
            command = self._command(turn, progress, ending)
            finished = await insisting(lambda: self.journal.finish(command), attempts)
            turn.log.show(command.events[-1:])
        self.bell.record_written()
        return finished

    async def _hear(self, turn: RunningTurn, progress: Progress) -> None:
        """Find out what became of all that was begun and not heard of."""
        await turn.make_sure()  # first: it says which calls were started
        for invocation in tuple(progress.started.values()):
            await self._unheard(turn, progress, invocation)
            del progress.started[invocation.id]

    async def _unheard(self, turn: RunningTurn, progress: Progress, invocation: Invocation) -> None:
        """Write down that nobody heard how a call ended; its record and others are told of it."""
        unknown = Outcome(
            tenant_id=turn.tenant_id,
            invocation_id=invocation.id,
            fence=turn.fence,
            state=InvocationState.UNKNOWN,
            reason=ToolOutcomeUnknownError.reason,
        )
        try:
            ended = await self.effects.finish(unknown)
        except InvocationNotFoundError:
            return
        except InvocationAlreadyDecidedError:
            # An outcome that was written before its answer was lost stands, with all it tells.
            ended = await self.invocations.invocation(turn.tenant_id, invocation.id)
        else:
            progress.resting.pop(invocation.id, None)
        told = {one.id for one in progress.invocations}
        if ended.state in OUTCOMES and ended.id not in told:
            progress.invocations.append(ended)

    def _command(self, turn: RunningTurn, progress: Progress, ending: Ending) -> FinishTurn:
        nonce = self.identifiers.nonce()
        record = turn_record(turn, progress, ending, nonce=nonce, at=self.clock.now())
        return FinishTurn(
            tenant_id=turn.tenant_id,
            turn_id=turn.turn_id,
            fence=turn.fence,
            state=ending.state,
            message_id=MessageId(self.identifiers.next()),
            answer=ending.text,
            failure=ending.failure,
            usage=progress.usage,
            uses=turn_uses(progress.due),
            events=(*turn.log.unwritten, *turn.log.number(ending.last_event(progress))),
            made=tuple(progress.unwritten),
            record_id=ending.record_id,
            record=self.json.encode_plain(form_of(record)),
            nonce=nonce,
            trace=self.json.encode_plain(turn_trace(progress)),
            outgoing=ending.facts(turn, progress, self.clock, self.identifiers),
            undecided=ending.given_up(turn, self.clock, self.identifiers),
        )
