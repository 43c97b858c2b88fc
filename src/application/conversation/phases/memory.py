"""Phase 6: what is remembered and answers the message, within the memory lane."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.plan import TurnPlan, TurnSettings
from application.conversation.ports.models import TokenCounter
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.memory.ports import MemoryStore, Recalled
from domain.conversation.bounds import FRAME_TOKENS
from domain.conversation.lane import CutOrder, Lane, LaneItem, cut
from domain.conversation.message import Message, Role
from domain.conversation.phase import LaneUse, Phase, PhaseStatus
from domain.conversation.turn_event import Degraded
from domain.kernel.errors import UnavailableError
from domain.memory.recollection import MAX_CUE_BYTES, MemoryScope, Recollection
from domain.tenancy.feature import Feature

UNREACHED: Final = "MEMORY_UNAVAILABLE"

HEADING: Final = "What is remembered of earlier, most relevant first:"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RecallMemories:
    """Recall never ends a turn: without it the answer is given and marked degraded."""

    memories: MemoryStore
    counter: TokenCounter

    async def __call__(
        self, turn: RunningTurn, plan: TurnPlan, progress: Progress
    ) -> tuple[Message, ...]:
        """The messages of the first model call: instructions with memories, history, the message.

        `progress.lanes` and `progress.memories` say what was used.
        """
        lanes = plan.context.lanes
        with progress.timing(Phase.MEMORY) as timing:
            if not plan.context.memory_cap:
                timing.mark(PhaseStatus.SKIPPED, _why_nothing(plan.settings))
                progress.lanes = (*lanes, LaneUse(Lane.MEMORY, 0, 0, 0, 0))
                return first_messages(plan, ())
            try:
                recalled = await self.memories.recall(
                    _scope(turn, plan),
                    _cue(plan.settings.order.text),
                    plan.settings.derived.recall_limit,
                )
            except UnavailableError:
                recalled = Recalled((), degraded=True)
            if recalled.degraded:
                timing.mark(PhaseStatus.DEGRADED, UNREACHED)
                progress.degraded.append(("memory", UNREACHED))
                await turn.show(Degraded("memory", UNREACHED))
            found = recalled.recollections
            chosen = plan.settings.selection.chosen
            counts = await self.counter.count(chosen, [one.text for one in found]) if found else ()
            items = [
                LaneItem(one, FRAME_TOKENS + tokens, relevance=one.score)
                for one, tokens in zip(found, counts, strict=True)
            ]
            heading = len(HEADING)
            kept = cut(items, plan.context.memory_cap - heading, CutOrder.LEAST_RELEVANT_FIRST)
            progress.memories = tuple(item.content for item in kept.kept)
            progress.memory_tokens = tuple(item.tokens for item in kept.kept)
            used = kept.tokens + heading if kept.kept else 0
            progress.lanes = (
                *lanes,
                LaneUse(
                    Lane.MEMORY,
                    plan.context.budgets[Lane.MEMORY],
                    used,
                    len(kept.kept),
                    kept.cut,
                ),
            )  # fmt: skip
        return first_messages(plan, progress.memories)


def _why_nothing(settings: TurnSettings) -> str:
    memory = settings.subscription.decide(Feature.MEMORY)
    if not memory.on:
        return f"the feature memory is off: {memory.reason}"
    if not settings.manifest.recall:
        return "the capsule recalls nothing"
    return "nothing is left for memories"


def _scope(turn: RunningTurn, plan: TurnPlan) -> MemoryScope:
    return MemoryScope(turn.tenant_id, plan.settings.order.principal.subject, turn.session_id)


def _cue(text: str) -> str:
    """The message, or its beginning: a cue has a longest length."""
    return text.encode("utf-8", "replace")[:MAX_CUE_BYTES].decode("utf-8", "ignore")


def first_messages(plan: TurnPlan, memories: tuple[Recollection, ...]) -> tuple[Message, ...]:
    """The messages of the first model call: what is remembered follows the instructions."""
    system = plan.context.system
    if memories:
        lines = "\n".join(f"- {one.text}" for one in memories)
        system = f"{system}\n\n{HEADING}\n{lines}"
    return (Message(Role.SYSTEM, system), *plan.context.messages)
