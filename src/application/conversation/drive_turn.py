"""The driver of one turn: from its grant to its end, whatever happens on the way."""

from asyncio import CancelledError, current_task, timeout
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from application.conversation.ending import Ending
from application.conversation.phases.memory import RecallMemories
from application.conversation.phases.reason import Conversation, Reason, Reasoned
from application.conversation.phases.save import SaveTurn
from application.conversation.plan import TurnPlan
from application.conversation.ports import TurnObserver, TurnSignals, TurnSummary
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.conversation.suspend_turn import SuspendTurn
from application.kernel.ports import Clock, IdentifierSource
from domain.conversation.errors import (
    StaleFenceError,
    TurnDeadlineExceededError,
)
from domain.conversation.message import Message
from domain.conversation.phase import Phase
from domain.conversation.turn import Failure, TurnOrder, TurnState
from domain.conversation.turn_event import Accepted, Resumed
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.kernel.identifiers import CapsuleVersionId, RecordId
from domain.tools.invocation import Invocation

INTERNAL: Final = "INTERNAL"
SAVE_ATTEMPTS: Final = 5


Planning = Callable[[Progress], Awaitable[TurnPlan]]
"""How a turn's plan is come by: known already, or made now that its session is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One turn to drive.

    `transcript` and `decided` are set when a paused turn goes on; `queued` when it waited before.
    """

    order: TurnOrder
    capsule_version_id: CapsuleVersionId
    plan: Planning
    progress: Progress
    deadline: float
    queued: bool = False
    transcript: tuple[Message, ...] = ()
    decided: Mapping[str, Invocation] = field(default_factory=dict)


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
        plan: TurnPlan | None = None
        try:
            async with timeout(max(0.0, task.deadline - self.clock.monotonic())):
                await turn.show(
                    Resumed() if task.transcript
                    else Accepted(task.capsule_version_id, task.queued)
                )  # fmt: skip
                plan = await task.plan(task.progress)
                reasoned = await self._reason(turn, plan, task)
            if reasoned.waiting:
                turn.closing = True
                await self.suspend(turn, plan, task.progress, reasoned)
                return
            ending = _ending(
                task, record_id, TurnState.COMPLETED, reasoned.text, reasoned.finish_reason
            )
        except CancelledError:
            if turn.cancelled_by is None:
                raise
            if (running := current_task()) is not None:
                running.uncancel()
            ending = _ending(task, record_id, TurnState.CANCELLED, by=turn.cancelled_by)
        except StaleFenceError:
            return
        except TimeoutError:
            ending = _failed(task, record_id, TurnDeadlineExceededError())
        except DomainError as refusal:
            ending = _failed(task, record_id, refusal)
        except Exception as error:  # noqa: BLE001 - a turn must end whatever a part of it does
            self.observer.broke(turn.turn_id, error)
            ending = _internal(task, record_id)
        turn.closing = True
        await self._end(turn, plan, task.progress, ending)

    async def _reason(self, turn: RunningTurn, plan: TurnPlan, task: Task) -> Reasoned:
        if task.transcript:
            talk = Conversation(
                messages=task.transcript,
                prompt_tokens=plan.context.prompt_tokens,
                deadline=task.deadline,
                pending=task.decided,
            )
        else:
            messages = await self.recall(turn, plan, task.progress)
            talk = Conversation(
                messages=messages,
                prompt_tokens=plan.context.prompt_tokens + _memory_tokens(task.progress),
                deadline=task.deadline,
            )
        with task.progress.timing(Phase.REASON) as timing:
            reasoned = await self.reason(turn, plan, task.progress, talk)
            timing.note = f"{task.progress.round} rounds of tools"
        return reasoned

    async def _end(
        self, turn: RunningTurn, plan: TurnPlan | None, progress: Progress, ending: Ending
    ) -> None:
        for _ in range(SAVE_ATTEMPTS):
            try:
                with progress.timing(Phase.SAVE):
                    finished = await self.save(turn, plan, progress, ending)
            except StaleFenceError:
                return
            except StorageUnavailableError:
                # The answer is not known; the same end asked again is answered as before. When the
                # database stays away, the sweep of whichever server comes first ends the turn.
                continue
            if finished.promoted is not None and finished.owner is not None:
                await self.signals.promoted(finished.promoted, finished.owner)
            break
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
    state: TurnState,
    text: str = "",
    finish_reason: str = "",
    by: str = "",
) -> Ending:
    return Ending(
        state=state,
        record_id=record_id,
        order=task.order,
        capsule_version_id=task.capsule_version_id,
        text=text,
        finish_reason=finish_reason,
        by=by,
    )


def _failed(task: Task, record_id: RecordId, refusal: DomainError) -> Ending:
    return Ending(
        state=TurnState.FAILED,
        record_id=record_id,
        order=task.order,
        capsule_version_id=task.capsule_version_id,
        failure=failure_of(refusal),
    )


def _internal(task: Task, record_id: RecordId) -> Ending:
    return Ending(
        state=TurnState.FAILED,
        record_id=record_id,
        order=task.order,
        capsule_version_id=task.capsule_version_id,
        failure=Failure(
            kind=INTERNAL,
            reason=INTERNAL,
            message="a part of the service broke; operators find it in the log under the turn",
            facts={},
        ),
    )


def failure_of(refusal: DomainError) -> Failure:
    """A refusal as it is kept; `kind` names its kind, from which the edge takes its status code."""
    kinds: Sequence[type] = type(refusal).__mro__
    return Failure(
        kind=kinds[kinds.index(DomainError) - 1].__name__,
        reason=refusal.reason,
        message=str(refusal),
        facts=refusal.facts,
    )
