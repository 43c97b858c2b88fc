"""Phase 6: what is remembered and answers the message, within the memory lane."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.plan import TurnPlan
from application.conversation.ports import TokenCounter
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.memory.ports import MemoryStore
from domain.conversation.bounds import FRAME_TOKENS
from domain.conversation.lane import CutOrder, Lane, LaneItem, cut
from domain.conversation.message import Message, Role
from domain.conversation.phase import LaneUse, Phase, PhaseStatus
from domain.conversation.turn_event import Degraded
from domain.kernel.errors import UnavailableError

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
        system = plan.context.system
        lanes = plan.context.lanes
        with progress.timing(Phase.MEMORY) as timing:
            if not plan.context.memory_cap:
                timing.mark(PhaseStatus.SKIPPED, "the capsule recalls nothing")
                progress.lanes = lanes
                return _messages(system, plan)
            try:
                found = await self.memories.recall(
                    turn.tenant_id, plan.settings.order.text, plan.settings.derived.recall_limit
                )
            except UnavailableError as refusal:
                timing.mark(PhaseStatus.DEGRADED, refusal.reason)
                progress.degraded.append(("memory", refusal.reason))
                await turn.show(Degraded("memory", refusal.reason))
                found = ()
            chosen = plan.settings.selection.chosen
            counts = await self.counter.count(chosen, [one.text for one in found]) if found else ()
            items = [
                LaneItem(one, FRAME_TOKENS + tokens, relevance=one.strength)
                for one, tokens in zip(found, counts, strict=True)
            ]
            heading = len(HEADING)
            kept = cut(
                items, plan.context.memory_cap - heading, CutOrder.LEAST_RELEVANT_FIRST
            )
            progress.memories = tuple(item.content for item in kept.kept)
            used = kept.tokens + heading if kept.kept else 0
            progress.lanes = (
                *lanes,
                LaneUse(Lane.MEMORY, plan.context.budgets[Lane.MEMORY], used, len(kept.kept), kept.cut),
            )  # fmt: skip
        if progress.memories:
            lines = "\n".join(f"- {one.text}" for one in progress.memories)
            system = f"{system}\n\n{HEADING}\n{lines}"
        return _messages(system, plan)


def _messages(system: str, plan: TurnPlan) -> tuple[Message, ...]:
    return (Message(Role.SYSTEM, system), *plan.context.messages)
