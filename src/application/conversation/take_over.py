"""Go on with a turn whose server was lost, or end it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, final

from application.capsule.load_capsule import LoadCapsuleQuery
from application.conversation.continue_turns import take_up
from application.conversation.drive_turn import DriveTurn, Task, failure_of, planned_as
from application.conversation.end_turn import EndTurn
from application.conversation.lost_turn import LostTurn
from application.conversation.phases.model_call import Part, largest_part
from application.conversation.phases.tool_round import kept_before
from application.conversation.plan import TurnPlan
from application.conversation.ports.leases import Abandoned
from application.conversation.ports.models import TokenCounter
from application.conversation.ports.observing import TakenOver
from application.conversation.ports.reading import TurnReader
from application.conversation.ports.signals import TurnSignals
from application.conversation.prepare_turn import LoadingCapsule, PrepareTurn
from application.conversation.process_message import HISTORY_MESSAGES
from application.conversation.progress import Progress
from application.conversation.renew_reservation import Interrupted, RenewReservation
from application.conversation.retelling import retold
from application.conversation.turn_drivers import TurnDrivers
from application.kernel.ports import CanonicalJson, Clock
from domain.capsule.manifest import OnInterruption
from domain.conversation.bounds import FRAME_TOKENS, estimated_tokens
from domain.conversation.errors import (
    AbandonedFor,
    StaleFenceError,
    TurnAbandonedError,
)
from domain.conversation.interruption import AfterLoss, Loss, after_loss
from domain.conversation.turn_event import TurnEvent
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.tools.invocation import Invocation, InvocationState

FAR: Final = 1 << 62

ENDS: Final = {
    AfterLoss.EXPIRE: AbandonedFor.DEADLINE,
    AfterLoss.GIVE_UP: AbandonedFor.TAKE_OVERS,
    AfterLoss.FAIL: AbandonedFor.ANSWER_SHOWN,
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """What `after_loss` says is done under the fence that the turn was taken over with.

    What the lost server used is settled, as far as it is known, with the turn's end or with the
    reservation of what follows. When this server is lost on the way, too, the next one begins anew.
    """

    reader: TurnReader
    signals: TurnSignals
    prepare: PrepareTurn
    renew: RenewReservation
    drivers: TurnDrivers
    drive: DriveTurn
    end: EndTurn
    counter: TokenCounter
    json: CanonicalJson
    clock: Clock

    async def __call__(self, abandoned: Abandoned) -> TakenOver:
        """Take a turn on; what became of it.

        Raises:
            StorageUnavailableError: The database does not answer; the turn's lease runs out again.
        """
        received = self.clock.monotonic()
        turn = abandoned.turn
        self.drivers.lose(turn.id, turn.fence)
        lost = LostTurn(
            abandoned=abandoned,
            kept=await self.reader.checkpoint(turn.tenant_id, turn.id),
            written=tuple(await self.reader.events(turn.tenant_id, turn.id, 0, FAR)),
            rows=tuple(await self.reader.invocations(turn.tenant_id, turn.id)),
        )
        asked = await self.signals.cancellations([(turn.tenant_id, turn.id)])
        try:
            return await self._take(lost, received, *(by for _, by in asked))
        except (StorageUnavailableError, StaleFenceError):
            raise
        except DomainError as refusal:
            ended = await self.end.lost(lost, failure=failure_of(refusal))
            return TakenOver.FAILED if ended else TakenOver.LEFT

    async def _take(self, lost: LostTurn, received: float, *cancelled_by: str) -> TakenOver:
        load = partial(
            self.prepare.load_capsule,
            LoadCapsuleQuery(
                tenant_id=lost.turn.tenant_id,
                capsule=lost.turn.capsule_version_id,
                running=True,
            ),
        )
        # One that is to be cancelled ends so whatever became of its capsule.
        continues = (
            not cancelled_by
            and bool(lost.text)
            and (await load()).capsule.manifest.on_interruption is OnInterruption.CONTINUE
        )
        verdict = after_loss(
            Loss(
                cancelled=bool(cancelled_by),
                seconds_left=lost.abandoned.seconds_left,
                take_overs=lost.abandoned.take_overs,
                progressed=lost.progressed,
                text=bool(lost.text),
                continues=continues,
            )
        )
        if verdict is AfterLoss.CANCEL:
            ended = await self.end.lost(lost, by=cancelled_by[0])
            return TakenOver.CANCELLED if ended else TakenOver.LEFT
        if (cause := ENDS.get(verdict)) is not None:
            raise TurnAbandonedError(str(lost.turn.id), cause)
        await self._go_on(lost, received, load)
        return TakenOver.CONTINUED

    async def _go_on(self, lost: LostTurn, received: float, load: LoadingCapsule) -> None:
        turn = lost.turn
        opening = await self.reader.opening(turn.tenant_id, turn.session_id, HISTORY_MESSAGES)
        progress = lost.progress(self.clock)
        plan = await self.prepare(turn.order, opening, progress, load)
        progress.invocations += kept_before(
            lost.rows, lost.round if lost.pending else lost.round + 1
        )
        known = lost.known(self.json)
        said = replace(take_up(plan, progress, lost.kept), calls=lost.kept.calls, text=lost.text)
        part = await largest_part(self.counter, plan.settings.candidates, lost.text)
        asked_at = self.clock.monotonic()
        void = lost.void
        grant = await self.renew(
            plan,
            progress,
            Interrupted(
                tenant_id=turn.tenant_id,
                session_id=turn.session_id,
                turn_id=turn.id,
                fence=turn.fence,
                said=said,
                progressed=lost.progressed,
                tokens=_tokens(plan, progress, lost, known, part),
                tool_calls=_to_run(lost, known),
                void=TurnEvent(void.last_sequence, self.clock.now(), void),
            ),
        )

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
                    deadline=received + lost.abandoned.seconds_left,
                    opening=tuple(retold(lost, known)),
                    said=said,
                    known=known,
                    committed=lost.committed,
                ),
            ),
        )


def _to_run(lost: LostTurn, known: Mapping[str, Invocation]) -> int:
    """Calls that are still to be made of a round that had begun; another one reserves its own."""
    if not lost.committed:
        return 0
    ended = sum(1 for one in known.values() if one.state is not InvocationState.PERMITTED)
    return len(lost.kept.messages[-1].calls) - ended


def _tokens(
    plan: TurnPlan,
    progress: Progress,
    lost: LostTurn,
    known: Mapping[str, Invocation],
    part: Part,
) -> int:
    """What the next model call needs: its prompt, the rest of its answer, results of tools."""
    context, kept = plan.context, lost.kept
    needed = context.hold + part.prompt_tokens
    if kept.messages:
        results = sum(FRAME_TOKENS + estimated_tokens(one.result) for one in known.values())
        if _to_run(lost, known) or lost.begun:
            results += context.result_cap
        prompt = kept.prompt_tokens or context.prompt_tokens
        needed = prompt + results + part.prompt_tokens + context.reply
    return max(0, min(needed, plan.settings.derived.token_limit - progress.own_tokens))
