"""Settle what a turn has used by an interruption, and reserve what it needs to go on."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import final

from application.conversation.facts import FactHeader, usage_recorded
from application.conversation.holds import turn_holds, turn_uses
from application.conversation.plan import TurnPlan
from application.conversation.ports.journal import Grant, TakeOnTurn, TurnJournal
from application.conversation.progress import Progress, Said
from application.conversation.running_turn import RunningTurn
from application.kernel.insisting import insisting
from application.kernel.ports import Clock, IdentifierSource
from domain.conversation.turn_event import TurnEvent
from domain.kernel.identifiers import EventId, SessionId, TenantId, TurnId
from domain.kernel.metering import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """Which turn was interrupted, and what is known of it; `void` when its server was lost.

    `tokens` and `tool_calls` are to be reserved for what follows.
    """

    tenant_id: TenantId
    session_id: SessionId
    turn_id: TurnId
    fence: int
    said: Said
    progressed: bool
    tokens: int
    tool_calls: int = 0
    void: TurnEvent | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RenewReservation:
    """In one step: nothing that was held leaks, and nothing is settled twice."""

    journal: TurnJournal
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(
        self, plan: TurnPlan, progress: Progress, one: Interrupted, turn: RunningTurn | None = None
    ) -> Grant:
        """The turn as it goes on; `progress` has settled what it had used.

        `turn` is set where its own driver goes on with it: that one may come to its end without
        having heard of this, and what was settled with this is not to be settled again then.

        Raises:
            BudgetExhaustedError: There is no room to go on; nothing was settled.
            StaleFenceError: The turn is another server's now.
        """
        command = self._command(plan, progress, one)

        async def renewed(command: TakeOnTurn, tokens: int) -> Grant:
            grant = await self.journal.take_on(command)
            progress.settled(tokens)
            progress.unwritten.clear()
            return grant

        def ask() -> Awaitable[Grant]:
            return renewed(command, one.tokens)

        if turn is None:
            return await insisting(ask)
        # Without what follows it settles what was used, if that was not done, and is not refused.
        return await turn.take_step(ask, lambda: renewed(replace(command, holds=()), 0))

    def _command(self, plan: TurnPlan, progress: Progress, one: Interrupted) -> TakeOnTurn:
        order = plan.settings.order

        def header() -> FactHeader:
            return FactHeader(
                id=EventId(self.identifiers.next()),
                tenant_id=one.tenant_id,
                key=one.session_id,
                occurred_at=self.clock.now(),
                tenant=order.principal.tenant,
                session_id=one.session_id,
                turn_id=one.turn_id,
            )

        return TakeOnTurn(
            tenant_id=one.tenant_id,
            turn_id=one.turn_id,
            fence=one.fence,
            step=progress.taken_steps,
            progressed=one.progressed,
            void=one.void,
            checkpoint=progress.checkpoint(one.said, committed=progress.round),
            usage=progress.usage,
            uses=turn_uses(progress.due),
            holds=turn_holds(
                order.principal,
                one.session_id,
                plan.settings.manifest.name,
                ((Metric.TOKENS, one.tokens), (Metric.TOOL_CALLS, one.tool_calls)),
            ),
            made=tuple(progress.unwritten),
            outgoing=usage_recorded(header, order.principal.subject, progress.due),
        )
