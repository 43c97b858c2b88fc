"""Go on with turns that wait for this server: promoted from a queue, or decided by people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, final

from application.capsule.load_capsule import LoadCapsuleQuery
from application.conversation.drive_turn import DriveTurn, Task, planned_as
from application.conversation.holds import turn_holds
from application.conversation.phases.tool_round import kept_before
from application.conversation.plan import TurnPlan
from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.journal import Grant, ResumeTurn, TurnJournal
from application.conversation.ports.leases import Promoted, TurnLeases
from application.conversation.ports.reading import TurnReader
from application.conversation.prepare_turn import LoadingCapsule, PrepareTurn
from application.conversation.process_message import HISTORY_MESSAGES
from application.conversation.progress import Progress, Said
from application.conversation.turn_drivers import TurnDrivers
from application.kernel.ports import Clock, IdentifierSource
from application.tools.call_facts import CallFacts
from domain.conversation.bounds import FRAME_TOKENS, estimated_tokens
from domain.conversation.errors import StaleFenceError
from domain.conversation.events import TurnResumed
from domain.conversation.message import Message
from domain.conversation.turn import Turn, TurnState
from domain.conversation.turn_event import Accepted, Resumed
from domain.kernel.identifiers import EventId, InvocationId
from domain.kernel.metering import Metric
from domain.kernel.resilience import TURN_DEADLINE
from domain.tools.events import ApprovalDecided
from domain.tools.invocation import Invocation, InvocationState

MOST_AT_ONCE: Final = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StartPromoted:
    """Drive the turns that were promoted for this server. One pass; how many were started."""

    leases: TurnLeases
    reader: TurnReader
    prepare: PrepareTurn
    drivers: TurnDrivers
    drive: DriveTurn
    clock: Clock

    async def __call__(self) -> int:
        if self.drivers.leaving:
            return 0
        asked_at = self.clock.monotonic()
        found = await self.leases.promoted(MOST_AT_ONCE)
        if self.drivers.leaving:
            return 0
        # A turn is found again until its driver has renewed it.
        new = [one for one in found if not self._is_driven(one.turn)]
        for one in new:
            self._start(one, asked_at)
        return len(new)

    def _is_driven(self, turn: Turn) -> bool:
        known = self.drivers.find(turn.id)
        return known is not None and known.fence >= turn.fence

    def _start(self, one: Promoted, asked_at: float) -> None:
        turn = one.turn

        async def planned(progress: Progress) -> TurnPlan:
            opening = await self.reader.opening(turn.tenant_id, turn.session_id, HISTORY_MESSAGES)
            return await self.prepare(
                turn.order, opening, progress, _pinned(self.prepare, turn),
                held=turn.order.held_tokens,
            )  # fmt: skip

        progress = Progress(self.clock, began=self.clock.monotonic())
        progress.held_tokens = turn.order.held_tokens
        progress.called_api()
        self.drivers.start(
            tenant_id=turn.tenant_id,
            session_id=turn.session_id,
            grant=Grant(
                turn_id=turn.id,
                state=turn.state,
                fence=turn.fence,
                lease_seconds=one.lease_seconds,
                ceiling=0,
            ),
            asked_at=asked_at,
            drive=partial(
                self.drive,
                task=Task(
                    order=turn.order,
                    capsule_version_id=turn.capsule_version_id,
                    plan=planned,
                    progress=progress,
                    deadline=asked_at + one.seconds_left,
                    opening=(Accepted(turn.capsule_version_id, queued=True),),
                ),
            ),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePaused:
    """Go on with a paused turn, all of whose calls are decided, under a new reservation.

    It has `longest` seconds from now on: the time of its first client is over.
    """

    journal: TurnJournal
    reader: TurnReader
    prepare: PrepareTurn
    drivers: TurnDrivers
    drive: DriveTurn
    clock: Clock
    identifiers: IdentifierSource
    longest: float = TURN_DEADLINE.total_seconds()

    async def __call__(self, turn: Turn) -> None:
        """Resume here, whatever becomes of the caller. Nothing when another server was quicker.

        A turn that was not paused when it was read has its driver.

        Raises:
            BudgetExhaustedError: The new reservation does not fit; the turn stays paused.
            Besides, whatever `PrepareTurn` refuses.
        """
        await self.drivers.to_the_end(self._resume(turn))

    async def _resume(self, turn: Turn) -> None:
        if turn.state is not TurnState.PAUSED:
            return
        opening = await self.reader.opening(turn.tenant_id, turn.session_id, HISTORY_MESSAGES)
        kept = await self.reader.checkpoint(turn.tenant_id, turn.id)
        decided = await self.reader.invocations(turn.tenant_id, turn.id)
        progress = Progress.since(self.clock, kept, turn)
        plan = await self.prepare(turn.order, opening, progress, _pinned(self.prepare, turn))
        said = take_up(plan, progress, kept)
        hold = min(plan.settings.derived.token_limit, said.prompt_tokens + plan.context.reply)
        asked_at = self.clock.monotonic()
        try:
            grant = await self.journal.resume(
                ResumeTurn(
                    tenant_id=turn.tenant_id,
                    turn_id=turn.id,
                    fence=turn.fence,
                    seconds=self.longest,
                    holds=turn_holds(
                        turn.order.principal,
                        turn.session_id,
                        plan.settings.manifest.name,
                        ((Metric.TOKENS, hold),),
                    ),
                    event=TurnResumed(
                        id=EventId(self.identifiers.next()),
                        tenant_id=turn.tenant_id,
                        key=turn.session_id,
                        occurred_at=self.clock.now(),
                        tenant=turn.order.principal.tenant,
                        session_id=turn.session_id,
                        turn_id=turn.id,
                    ),
                    undecided=self._undecided(turn, decided),
                )
            )
        except StaleFenceError:
            return
        progress.held_tokens = hold
        progress.invocations += kept_before(decided, progress.round + 1)
        progress.rest(_decided(one) for one in decided)

        self.drivers.start(
            tenant_id=turn.tenant_id,
            session_id=turn.session_id,
            grant=grant,
            asked_at=asked_at,
            drive=partial(
                self.drive,
                task=Task(
                    order=turn.order,
                    capsule_version_id=turn.capsule_version_id,
                    plan=planned_as(plan),
                    progress=progress,
                    deadline=progress.began + self.longest,
                    opening=(Resumed(),),
                    said=said,
                    known={
                        one.call_id: _decided(one)
                        for one in decided
                        if one.round == progress.round + 1
                    },
                ),
            ),
        )

    def _undecided(
        self, turn: Turn, calls: Sequence[Invocation]
    ) -> tuple[tuple[InvocationId, ApprovalDecided], ...]:
        facts = CallFacts(clock=self.clock, identifiers=self.identifiers)
        tenant = turn.order.principal.tenant
        return tuple(
            (
                one.id,
                facts.decided(
                    replace(one, session_id=turn.session_id, tenant=tenant), InvocationState.EXPIRED
                ),
            )
            for one in calls
            if one.state is InvocationState.PENDING_APPROVAL
        )


def _decided(invocation: Invocation) -> Invocation:
    """The call as the resumption left it: one that still waited when it was read has expired."""
    if invocation.state is InvocationState.PENDING_APPROVAL:
        return replace(invocation, state=InvocationState.EXPIRED)
    return invocation


def take_up(plan: TurnPlan, progress: Progress, kept: Checkpoint) -> Said:
    """What a turn has said, for a driver that goes on with it; its lanes are those it began with.

    Decisions that were made again, and in the same way, are not told twice.
    """
    progress.lanes = kept.lanes or progress.lanes
    progress.decisions[:] = [
        *kept.decisions, *(one for one in progress.decisions if one not in kept.decisions)
    ]  # fmt: skip
    prompt = kept.prompt_tokens or plan.context.prompt_tokens + _tokens(kept.messages)
    return Said(messages=kept.messages, prompt_tokens=prompt)


def _tokens(messages: tuple[Message, ...]) -> int:
    """An estimate that is never under the truth, for messages that no provider has counted."""
    return sum(
        FRAME_TOKENS
        + estimated_tokens(message.text)
        + sum(estimated_tokens(call.tool + call.arguments) for call in message.calls)
        for message in messages
    )


def _pinned(prepare: PrepareTurn, turn: Turn) -> LoadingCapsule:
    query = LoadCapsuleQuery(tenant_id=turn.tenant_id, capsule=turn.capsule_version_id)
    return partial(prepare.load_capsule, query)
