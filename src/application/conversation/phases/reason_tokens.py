"""How many tokens the loop of a turn may give to results and replies, and what it reserves."""

from application.conversation.phases.model_call import ModelAnswer
from application.conversation.plan import TurnPlan
from application.conversation.progress import Progress
from domain.conversation.bounds import FRAME_TOKENS, ReplyTerms, estimated_tokens, reply_bound


def reply_tokens(plan: TurnPlan, progress: Progress, prompt_tokens: int, *, said: int = 0) -> int:
    """The most tokens of the next reply, or of its rest where `said` tokens of it stand."""
    requested = plan.settings.order.max_tokens
    settings = plan.settings.derived
    chosen = plan.settings.selection.chosen
    return reply_bound(
        ReplyTerms(
            max_tokens=settings.max_tokens,
            token_limit=settings.token_limit,
            used_tokens=progress.own_tokens,
            resource_budget=plan.settings.manifest.knobs.resource_budget,
            spent=progress.spent,
            price=chosen.price,
            window=chosen.context_window,
            prompt_tokens=prompt_tokens,
            requested=None if requested is None else requested - said,
        )
    ).tokens


def result_tokens(plan: TurnPlan, progress: Progress, prompt_tokens: int) -> int:
    """What this round's results may have: within their lanes, and so that an answer still fits.

    Where another round may follow, half of what the turn's token limit leaves is kept for it. At
    least a tenth of the level's reply, so that the model hears something.
    """
    derived = plan.settings.derived
    left = derived.token_limit - progress.own_tokens - prompt_tokens - plan.context.reply
    if progress.round + 1 < derived.rlm_iterations:
        left //= 2
    return max(derived.max_tokens // 10, min(plan.context.result_cap, left))


def next_tokens(plan: TurnPlan, progress: Progress, prompt_tokens: int) -> int:
    """What the next model call needs beyond what is still held."""
    needed = prompt_tokens + reply_tokens(plan, progress, prompt_tokens)
    limit = plan.settings.derived.token_limit - progress.own_tokens
    return max(0, min(needed, limit) - progress.left)


def answer_tokens(progress: Progress, answer: ModelAnswer) -> int:
    """The answer again, as part of the next prompt: as the provider counted it, else as bytes.

    Each attempt that came to a part of it counts.
    """
    number = progress.attempts[-1].round
    told = sum(one.completion_tokens for one in progress.attempts if one.round == number)
    if told:
        return FRAME_TOKENS * (1 + len(answer.calls)) + told
    asked = sum(estimated_tokens(call.tool + call.arguments) for call in answer.calls)
    return FRAME_TOKENS * (1 + len(answer.calls)) + estimated_tokens(answer.text) + asked
