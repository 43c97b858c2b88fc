"""Phase 5: what the model is told, counted and cut to its lanes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from application.conversation.plan import Context, TurnSettings
from application.conversation.ports.models import TokenCounter, ToolOffer
from domain.capsule.knob import DerivedSettings
from domain.conversation.bounds import (
    FRAME_TOKENS,
    ReplyTerms,
    context_tokens,
    first_hold,
    history_room,
    message_fits,
    message_room,
    reply_bound,
)
from domain.conversation.errors import InstructionsDoNotFitError, MessageDoesNotFitError
from domain.conversation.lane import CutOrder, Lane, LaneItem, cut, share_out
from domain.conversation.message import Message, Role
from domain.conversation.phase import LaneUse

SMALLEST_REPLY: Final = 16
"""Tokens: a turn whose reply could not be longer is refused before it begins."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """Comes before the acceptance: what is reserved for the first call is what was counted here.

    System and tools are never cut (a capsule that is larger than its window is refused), the
    message neither; history goes oldest first; memory is filled later, within its lane.
    """

    counter: TokenCounter

    async def __call__(
        self, settings: TurnSettings, history: Sequence[Message], *, held: int | None = None
    ) -> Context:
        """Count and cut.

        `held` is what is reserved already, for a turn that waited in its session's queue: its
        history has grown since, and its reply is bounded by what is left.

        Raises:
            MessageDoesNotFitError: The user's message alone exceeds the history and buffer lanes.
            InstructionsDoNotFitError: System and tools leave no room for a reply.
        """
        chosen = settings.selection.chosen
        derived = settings.derived
        window_reply = _reply(settings, prompt_tokens=0)
        lanes = share_out(
            context_tokens(chosen.context_window, window_reply),
            settings.manifest.knobs.intelligence_level,
            settings.lane_preferences,
        )
        texts = [settings.manifest.instructions, settings.order.text]
        texts += [offer_text(offer) for offer in settings.offers]
        texts += [message.text for message in history]
        counts = [FRAME_TOKENS + n for n in await self.counter.count(chosen, texts)]
        system, message = counts[0], counts[1]
        tools = sum(counts[2 : 2 + len(settings.offers)])
        if not message_fits(message, lanes):
            raise MessageDoesNotFitError(tokens=message, room=message_room(lanes))
        items = [
            LaneItem(told, tokens)
            for told, tokens in zip(history, counts[2 + len(settings.offers) :], strict=True)
        ]
        spare = _spare(settings, system + tools + message, held)
        room = min(spare, history_room(message, lanes))
        kept = cut(items, room, CutOrder.OLDEST_FIRST)
        prompt = system + tools + message + kept.tokens
        memory_cap = min(spare - kept.tokens, lanes[Lane.MEMORY]) if settings.recalls else 0
        reply = _reply(settings, prompt_tokens=prompt + memory_cap)
        if held is not None:
            reply = min(reply, held - prompt - memory_cap)
        if reply < min(SMALLEST_REPLY, settings.order.max_tokens or SMALLEST_REPLY):
            raise InstructionsDoNotFitError(
                tokens=system + tools, limit=derived.token_limit, window=chosen.context_window
            )
        return Context(
            system=settings.manifest.instructions,
            messages=(
                *(item.content for item in kept.kept), Message(Role.USER, settings.order.text)
            ),
            lanes=(
                LaneUse(Lane.SYSTEM, lanes[Lane.SYSTEM], system, 1, 0),
                LaneUse(
                    Lane.HISTORY,
                    lanes[Lane.HISTORY],
                    kept.tokens + message,
                    len(kept.kept) + 1,
                    kept.cut,
                ),
                LaneUse(Lane.TOOLS, lanes[Lane.TOOLS], tools, len(settings.offers), 0),
                LaneUse(Lane.BUFFER, lanes[Lane.BUFFER], 0, 0, 0),
            ),
            budgets=lanes,
            prompt_tokens=prompt,
            memory_cap=memory_cap,
            result_cap=result_cap(derived, lanes[Lane.TOOLS] + lanes[Lane.BUFFER] - tools),
            reply=reply,
            hold=first_hold(
                system_and_tools=system + tools,
                history_and_message=kept.tokens + message,
                memory_cap=memory_cap,
                reply=reply,
                token_limit=derived.token_limit,
            ),
            exact=self.counter.exact(chosen),
        )  # fmt: skip


def offer_text(offer: ToolOffer) -> str:
    return f"{offer.name}\n{offer.description}\n{offer.schema}"


def result_cap(derived: DerivedSettings, room: int) -> int:
    """Tokens that one round's tool results may have: what the tools and buffer lanes still hold.

    At least a tenth of the level's reply, so that a small window still hears something.
    """
    return max(room, derived.max_tokens // 10)


def _spare(settings: TurnSettings, fixed: int, held: int | None) -> int:
    """Tokens that history and memory may have beside what is never cut and a reply.

    The window alone does not bound them: a turn's token limit may be far smaller, and where there
    are tools, half of it is for the call that answers after them. Of a turn that waited, what it
    holds must do, and its reply gives way to the history that has grown, by a half at most.
    """
    reply = _reply(settings, prompt_tokens=fixed)
    if held is not None:
        return max(0, held - fixed - reply // 2)
    limit = settings.derived.token_limit
    return max(0, (limit // 2 if settings.offers else limit) - fixed - reply)


def _reply(settings: TurnSettings, *, prompt_tokens: int) -> int:
    derived = settings.derived
    chosen = settings.selection.chosen
    return reply_bound(
        ReplyTerms(
            max_tokens=derived.max_tokens,
            token_limit=derived.token_limit,
            resource_budget=settings.manifest.knobs.resource_budget,
            price=chosen.price,
            window=chosen.context_window,
            prompt_tokens=prompt_tokens,
            requested=settings.order.max_tokens,
        )
    ).tokens
