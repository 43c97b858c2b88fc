"""How a turn ends: its state, its last event, and the facts that others are told."""

from collections.abc import Callable
from dataclasses import dataclass

from application.conversation.facts import FactHeader, usage_recorded
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.kernel.ports import Clock, IdentifierSource
from domain.conversation.events import (
    TurnCancelled,
    TurnCompleted,
    TurnFact,
    TurnFailed,
)
from domain.conversation.turn import Failure, TurnOrder, TurnState
from domain.conversation.turn_event import Cancelled, Completed, Failed, TurnEventBody
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    CapsuleVersionId,
    EventId,
    InvocationId,
    RecordId,
)
from domain.tools.events import ApprovalDecided, ToolInvoked
from domain.tools.invocation import Invocation, InvocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """`failure` is set when the state is FAILED, `by` when it is CANCELLED.

    `undecided` are calls that waited for a person, who need not decide any more.
    """

    state: TurnState
    record_id: RecordId
    order: TurnOrder
    capsule_version_id: CapsuleVersionId
    text: str = ""
    finish_reason: str = ""
    failure: Failure | None = None
    by: str = ""
    undecided: tuple[Invocation, ...] = ()

    @property
    def reason(self) -> str:
        return self.failure.reason if self.failure else ""

    def last_event(self, progress: Progress) -> TurnEventBody:
        if self.state is TurnState.COMPLETED:
            return Completed(self.text, self.finish_reason, progress.usage, self.record_id)
        if self.failure is not None:
            return Failed(self.failure, progress.usage, progress.text, self.record_id)
        return Cancelled(self.by, progress.usage, self.record_id)

    def facts(
        self, turn: RunningTurn, progress: Progress, clock: Clock, identifiers: IdentifierSource
    ) -> tuple[DomainEvent, ...]:
        """What is published with it: tools that ran, the end, what was used."""
        header = self._header(turn, clock, identifiers)
        invoked = [
            ToolInvoked(**header(), invocation_id=one.id, tool=one.tool, state=one.state)
            for one in progress.invocations
        ]
        end = self._end(header(), progress)
        used = usage_recorded(header, self.order.principal.subject, progress.due)
        return (*invoked, end, *used)

    def given_up(
        self, turn: RunningTurn, clock: Clock, identifiers: IdentifierSource
    ) -> tuple[tuple[InvocationId, ApprovalDecided], ...]:
        """What is published of each call that nobody decided about before it."""
        header = self._header(turn, clock, identifiers)
        return tuple(
            (
                one.id,
                ApprovalDecided(
                    **header(), invocation_id=one.id, state=InvocationState.EXPIRED, decider=""
                ),
            )
            for one in self.undecided
        )

    def _header(
        self, turn: RunningTurn, clock: Clock, identifiers: IdentifierSource
    ) -> Callable[[], FactHeader]:
        at = clock.now()

        def header() -> FactHeader:
            return FactHeader(
                id=EventId(identifiers.next()),
                tenant_id=turn.tenant_id,
                key=turn.session_id,
                occurred_at=at,
                tenant=self.order.principal.tenant,
                session_id=turn.session_id,
                turn_id=turn.turn_id,
            )

        return header

    def _end(self, header: FactHeader, progress: Progress) -> TurnFact:
        if self.state is TurnState.COMPLETED:
            return TurnCompleted(
                **header,
                capsule_version_id=self.capsule_version_id,
                usage=progress.usage,
                record_id=self.record_id,
            )
        if self.failure is not None:
            return TurnFailed(
                **header, failure=self.failure, usage=progress.usage, record_id=self.record_id
            )
        return TurnCancelled(**header, by=self.by, usage=progress.usage, record_id=self.record_id)
