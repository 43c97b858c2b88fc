"""End a turn that nobody drives: cancelled while it waits, or abandoned by a lost server."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from application.conversation.drive_turn import failure_of
from application.conversation.ending import Ending
from application.conversation.phases.save import SaveTurn
from application.conversation.ports.journal import Grant
from application.conversation.ports.leases import Abandoned
from application.conversation.ports.reading import TurnReader
from application.conversation.ports.signals import TurnSignals
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.kernel.ports import Clock, IdentifierSource
from domain.conversation.bounds import estimated_tokens
from domain.conversation.errors import StaleFenceError, TurnAbandonedError
from domain.conversation.turn import Failure, Turn, TurnState
from domain.conversation.turn_event import Paused, Restarted, TextAdded, TurnEvent
from domain.kernel.errors import DomainError
from domain.kernel.identifiers import RecordId
from domain.tools.errors import ToolOutcomeUnknownError
from domain.tools.invocation import Invocation, InvocationState

FAR: Final = 1 << 62

RAN: Final = (InvocationState.STARTED, InvocationState.SUCCEEDED, InvocationState.UNKNOWN)
"""Calls of tools that surely ran, or may have."""

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
        kept = await self.reader.checkpoint(turn.tenant_id, turn.id)
        progress = Progress.since(self.clock, kept, turn)
        calls = await self.reader.invocations(turn.tenant_id, turn.id)
        progress.invocations += [one for one in calls if not one.state.open]
        await self._save(held, ending, progress)

    async def abandon(self, lost: Abandoned) -> None:
        """End a turn whose server was lost: failed, and what it may have shown is void.

        What it used since its last settlement is settled as far as it is known: the prompt as it
        was counted, the text that had been written, and its calls of tools. A call that was started
        and not heard of again is written down as unknown.
        """
        turn = lost.turn
        # The event's own number is the last that it covers, so that the next one follows it.
        first = lost.last_written + 1
        last = max(first, lost.ceiling)
        held = self._held(turn, first=last, lease=lost.lease_seconds)
        shown = await self.reader.events(turn.tenant_id, turn.id, 0, FAR)
        held.log.append(Restarted(first, last))
        progress = Progress.since(
            self.clock, await self.reader.checkpoint(turn.tenant_id, turn.id), turn
        )
        progress.text = _unsettled_text(shown)
        progress.estimated(
            prompt=turn.order.prompt_tokens, completion=estimated_tokens(progress.text)
        )
        if not progress.usage.api_calls:
            progress.called_api()
        calls = await self.reader.invocations(turn.tenant_id, turn.id)
        progress.started.update(
            {one.id: one for one in calls if one.state is InvocationState.STARTED}
        )
        progress.invocations += [_ended(one) for one in calls if one.state in RAN]
        for _ in range(len(progress.invocations) - progress.usage.tool_calls):
            progress.called_tool()
        failure = failure_of(TurnAbandonedError(str(turn.id)))
        await self._save(held, self._ending(turn, TurnState.FAILED, failure), progress)

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

    async def _save(self, held: RunningTurn, ending: Ending, progress: Progress) -> None:
        try:
            finished = await self.save(held, progress, ending)
        except StaleFenceError:
            return
        if finished.promoted is not None and finished.owner is not None:
            await self.signals.promoted(finished.promoted, finished.owner)


def _unsettled_text(shown: Sequence[TurnEvent]) -> str:
    """What was said since the turn was paused last: a pause settles what was used before it."""
    parts: list[str] = []
    for event in shown:
        if isinstance(event.body, Paused):
            parts.clear()
        elif isinstance(event.body, TextAdded):
            parts.append(event.body.delta)
    return "".join(parts)


def _ended(invocation: Invocation) -> Invocation:
    if invocation.state is not InvocationState.STARTED:
        return invocation
    reason = ToolOutcomeUnknownError.reason
    return replace(invocation, state=InvocationState.UNKNOWN, reason=reason)
