"""The driver of one turn: from its grant to its end, whatever happens on the way."""

from asyncio import CancelledError, current_task, timeout
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, final

from application.conversation.ending import Ending
from application.conversation.phases.memory import RecallMemories, first_messages
from application.conversation.phases.reason import Conversation, Reason, Reasoned
from application.conversation.phases.save import SaveTurn
from application.conversation.plan import TurnPlan
from application.conversation.ports.observing import TurnObserver, TurnSummary
from application.conversation.ports.signals import TurnSignals
from application.conversation.progress import Progress, Said
from application.conversation.running_turn import RunningTurn
from application.conversation.suspend_turn import SuspendTurn
from application.kernel.ports import Clock, IdentifierSource
from domain.conversation.errors import (
    StaleFenceError,
    TurnDeadlineExceededError,
)
from domain.conversation.phase import Phase
from domain.conversation.turn import Failure, TurnOrder, TurnState
from domain.conversation.turn_event import TurnEventBody
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.kernel.identifiers import CapsuleVersionId, RecordId
from domain.kernel.principal import Principal
from domain.kernel.storable_text import storable
from domain.tools.invocation import Invocation

BROKEN: Final = Failure(
    kind="DomainError",
    reason="INTERNAL",
    message="a part of the service broke; operators find it in the log under the turn's name",
    facts={},
)
"""What a client is told of a defect."""

SAVE_ATTEMPTS: Final = 5


Planning = Callable[[Progress], Awaitable[TurnPlan]]
"""How a turn's plan is come by: known already, or made now that its session is free."""


def planned_as(plan: TurnPlan) -> Planning:
    """The way to a plan that is known already."""

    async def planned(_: Progress) -> TurnPlan:
        return plan

    return planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One turn to drive; `opening` is what its watchers are shown first.

    `said` is set when it goes on with what it has said before, and `known` are then the calls that
    its last message asks for, by the provider's call id; a round that a lost server had begun is
    `committed`.
    """

    order: TurnOrder
    capsule_version_id: CapsuleVersionId
    plan: Planning
    progress: Progress
    deadline: float
    opening: tuple[TurnEventBody, ...]
    said: Said | None = None
    known: Mapping[str, Invocation] = field(default_factory=dict[str, Invocation])
    committed: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DriveTurn:
    """Phases 6 to 12. Every way out of them ends, pauses or gives up the turn."""

    recall: RecallMemories
    reason: Reason
    save: SaveTurn
    suspend: SuspendTurn
    observer: TurnObserver
    signals: TurnSignals
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, turn: RunningTurn, task: Task) -> None:
        record_id = RecordId(self.identifiers.next())
        try:
            async with timeout(max(0.0, task.deadline - self.clock.monotonic())):
                reasoned = await self._answer(turn, task)
            if reasoned.waiting:
                await self._suspend(turn, task.order.principal, task.progress, reasoned)
                return
            ending = _ending(task, record_id, reasoned)
        except (Exception, CancelledError) as error:
            known = self._ending_of(turn, task, record_id, error)
            if known is None:
                raise
            ending = known
        await self._end(turn, task.progress, ending)

    def _ending_of(
        self, turn: RunningTurn, task: Task, record_id: RecordId, error: BaseException
    ) -> Ending | None:
        """How the turn ends by an error; None when it is not ours to end any more."""
        match error:
            case CancelledError():
                if turn.cancelled_by is None:
                    return None
                if (running := current_task()) is not None:
                    running.uncancel()
                return _ending(task, record_id, by=turn.cancelled_by)
            case StaleFenceError():
                return None
            case TimeoutError():
                return _ending(task, record_id, failure=failure_of(TurnDeadlineExceededError()))
            case DomainError():
                return _ending(task, record_id, failure=failure_of(error))
            case _:
                if isinstance(error, Exception):
                    self.observer.broke(turn.turn_id, error)
                return _ending(task, record_id, failure=BROKEN)

    async def _answer(self, turn: RunningTurn, task: Task) -> Reasoned:
        for body in task.opening:
            await turn.show(body)
        plan = task.progress.plan = await task.plan(task.progress)
        return await self._reason(turn, plan, task)

    async def _reason(self, turn: RunningTurn, plan: TurnPlan, task: Task) -> Reasoned:
        if task.said is not None and task.said.messages:
            first = first_messages(plan, task.progress.memories)
            talk = Conversation(
                messages=(*first, *task.said.messages),
                first=len(first),
                prompt_tokens=task.said.prompt_tokens,
                deadline=task.deadline,
                known=task.known,
                committed=task.committed,
                partial=task.said.text,
            )
        else:
            messages = await self.recall(turn, plan, task.progress)
            talk = Conversation(
                messages=messages,
                first=len(messages),
                prompt_tokens=plan.context.prompt_tokens + _memory_tokens(task.progress),
                deadline=task.deadline,
                partial="" if task.said is None else task.said.text,
            )
        with task.progress.timing(Phase.REASON) as timing:
            reasoned = await self.reason(turn, plan, task.progress, talk)
            timing.note = f"{task.progress.round} rounds of tools"
        return reasoned

    async def _suspend(
        self, turn: RunningTurn, asker: Principal, progress: Progress, reasoned: Reasoned
    ) -> None:
        turn.closing = True
        # Whether it is paused may not be known. It is not ended instead: the pause may have
        # settled what was used. If it was not made, the turn's lease runs out.
        with suppress(StorageUnavailableError):
            await self.suspend(turn, asker, progress, reasoned, SAVE_ATTEMPTS)

    async def _end(self, turn: RunningTurn, progress: Progress, ending: Ending) -> None:
        turn.closing = True
        try:
            with progress.timing(Phase.SAVE):
                finished = await self.save(turn, progress, ending, attempts=SAVE_ATTEMPTS)
        except (StaleFenceError, StorageUnavailableError):
            # Whether it was ended may not be known. If it was, nobody's observer hears of it. If it
            # was not, whichever server sweeps first takes it over when its lease runs out.
            return
        except Exception as error:  # noqa: BLE001 - a turn must end, if not so then as broken
            self.observer.broke(turn.turn_id, error)
            if ending.failure is not BROKEN:
                progress.text = ""
                broken = replace(ending, state=TurnState.FAILED, text="", failure=BROKEN)
                await self._end(turn, progress, broken)
            return
        if finished.promoted is not None and finished.owner is not None:
            with suppress(StorageUnavailableError):  # its server looks by itself, too
                await self.signals.promoted(finished.promoted, finished.owner)
        self.observer.turn_ended(
            TurnSummary(
                turn_id=turn.turn_id,
                state=ending.state,
                reason=ending.reason,
                began=progress.began,
                times=tuple(progress.times),
                attempts=tuple(progress.attempts),
                usage=progress.usage,
            )
        )


def _memory_tokens(progress: Progress) -> int:
    return sum(one.used for one in progress.lanes if one.lane == "memory")


def _ending(
    task: Task,
    record_id: RecordId,
    reasoned: Reasoned | None = None,
    *,
    failure: Failure | None = None,
    by: str = "",
) -> Ending:
    if reasoned is not None:
        state = TurnState.COMPLETED
    else:
        state = TurnState.FAILED if failure is not None else TurnState.CANCELLED
    return Ending(
        state=state,
        record_id=record_id,
        order=task.order,
        capsule_version_id=task.capsule_version_id,
        text=reasoned.text if reasoned else "",
        finish_reason=reasoned.finish_reason if reasoned else "",
        failure=failure,
        by=by,
    )


def failure_of(refusal: DomainError) -> Failure:
    """A refusal as it is kept; `kind` names its kind, from which the edge takes its status code."""
    kinds: Sequence[type] = type(refusal).__mro__
    return Failure(
        kind=kinds[kinds.index(DomainError) - 1].__name__,
        reason=refusal.reason,
        message=storable(str(refusal)),
        facts={name: storable(value) for name, value in refusal.facts.items()},
    )
