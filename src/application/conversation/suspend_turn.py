"""Let a turn wait for people, giving back its lease and what it had reserved."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import final

from application.conversation.facts import FactHeader, usage_recorded
from application.conversation.holds import turn_uses
from application.conversation.phases.reason import Reasoned
from application.conversation.ports.journal import PauseTurn, TurnJournal
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.conversation.turn_drivers import TurnDrivers
from application.kernel.insisting import insisting
from application.kernel.ports import Clock, DurableClock, IdentifierSource
from domain.conversation.events import TurnPaused
from domain.conversation.turn_event import ApprovalRequested, Paused
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import EventId
from domain.kernel.principal import Principal
from domain.tools.events import ApprovalRequested as ApprovalRequestedFact
from domain.tools.invocation import APPROVAL_TIME, Invocation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendTurn:
    """Everything that a later driver, on whichever server, needs to go on is in one commit."""

    journal: TurnJournal
    drivers: TurnDrivers
    clock: Clock
    times: DurableClock
    identifiers: IdentifierSource

    async def __call__(
        self,
        turn: RunningTurn,
        asker: Principal,
        progress: Progress,
        reasoned: Reasoned,
        attempts: int,
    ) -> None:
        """Pause the turn; each step is tried so often.

        Raises:
            StaleFenceError: The turn is another server's now.
            StorageUnavailableError: It is not known whether it was done.
        """
        now = self.clock.now()
        until = await insisting(self.times.now, attempts) + APPROVAL_TIME
        waiting = tuple(replace(one, expires_at=until) for one in reasoned.waiting)
        asked = [ApprovalRequested(one.id, one.tool, one.arguments, until) for one in waiting]
        paused = Paused(tuple(one.id for one in waiting))
        async with turn.writing:
            await insisting(lambda: self.drivers.write_all(turn), attempts)
            shown = turn.log.number(*asked, paused)
            # Made once: what is shown is what was written, whichever try was.
            command = PauseTurn(
                tenant_id=turn.tenant_id,
                turn_id=turn.turn_id,
                fence=turn.fence,
                checkpoint=progress.checkpoint(reasoned.said, committed=progress.round),
                events=(*turn.log.unwritten, *shown),
                uses=turn_uses(progress.due),
                usage=progress.usage,
                waiting=waiting,
                made=tuple(progress.unwritten),
                outgoing=self._facts(turn, asker, progress, waiting, now),
            )
            await insisting(lambda: self.journal.pause(command), attempts)
            turn.log.show(shown)

    def _facts(
        self,
        turn: RunningTurn,
        asker: Principal,
        progress: Progress,
        waiting: tuple[Invocation, ...],
        now: datetime,
    ) -> tuple[DomainEvent, ...]:
        """What is published: who is asked for, the pause, and what was used until here."""

        def header() -> FactHeader:
            return FactHeader(
                id=EventId(self.identifiers.next()),
                tenant_id=turn.tenant_id,
                key=turn.session_id,
                occurred_at=now,
                tenant=asker.tenant,
                session_id=turn.session_id,
                turn_id=turn.turn_id,
            )

        requested = [
            ApprovalRequestedFact(
                **header(),
                invocation_id=one.id,
                tool=one.tool,
                expires_at=one.expires_at or now,
            )
            for one in waiting
        ]
        paused = TurnPaused(**header(), waiting=tuple(one.id for one in waiting))
        return (*requested, paused, *usage_recorded(header, asker.subject, progress.due))
