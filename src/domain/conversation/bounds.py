"""How many tokens a turn may use: replies, thinking, messages, and what is reserved for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from domain.conversation.lane import Lane
from domain.kernel.provider_price import FREE, ProviderPrice


class Binding(StrEnum):
    """Which limit binds a reply."""

    MAX_TOKENS = "max_tokens"
    REQUESTED = "requested"
    WINDOW = "window"
    TOKEN_LIMIT = "token_limit"  # noqa: S105  a limit of tokens, not a credential
    RESOURCE_BUDGET = "resource_budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTerms:
    """What bounds the reply of a model call about to be made.

    Attributes:
        max_tokens: The intelligence level's.
        token_limit: The money level's, for the whole turn.
        used_tokens: What the turn's earlier calls used of it.
        resource_budget: USD that the turn may cost us at its provider.
        spent: USD that the turn's earlier calls cost us.
        price: The capability's; a local model's is free.
        window: Tokens the model can hold, prompt and reply together.
        prompt_tokens: Those of this call; 0 while the prompt is not made yet.
        requested: What the client asked for, if he did.
    """

    max_tokens: int
    token_limit: int
    resource_budget: Decimal
    window: int
    price: ProviderPrice = FREE
    used_tokens: int = 0
    spent: Decimal = Decimal(0)
    prompt_tokens: int = 0
    requested: int | None = None


@dataclass(frozen=True, slots=True)
class ReplyBound:
    """The longest reply in tokens, and what bounds it; 0 means that the call cannot be made."""

    tokens: int
    by: Binding


def reply_bound(terms: ReplyTerms) -> ReplyBound:
    """The least of what the level, the money, the window and the client allow; never negative.

    The call's own prompt counts against the token limit, the budget and the window: it will have
    been used when the reply begins.
    """
    prompt = terms.prompt_tokens
    bounds = [
        (terms.max_tokens, Binding.MAX_TOKENS),
        (terms.window - prompt, Binding.WINDOW),
        (terms.token_limit - terms.used_tokens - prompt, Binding.TOKEN_LIMIT),
    ]
    if terms.requested is not None:
        bounds.append((terms.requested, Binding.REQUESTED))
    least, by = min(bounds, key=_tokens)
    if least <= 0:
        return ReplyBound(0, by)
    paid = terms.price.affordable_reply(
        usd=terms.resource_budget - terms.spent, prompt=prompt, ceiling=least
    )
    return ReplyBound(least, by) if paid >= least else ReplyBound(paid, Binding.RESOURCE_BUDGET)


def _tokens(bound: tuple[int, Binding]) -> int:
    return bound[0]


def thinking_bound(rlm_thinking_tokens: int, thinking_budget: int) -> int:
    """The most tokens a turn may think: the lesser of the level's and of the money's."""
    return min(rlm_thinking_tokens, thinking_budget)


def context_tokens(window: int, reply: int) -> int:
    """What the lanes share: the window less the reply's bound."""
    return max(0, window - reply)


def message_room(lanes: Mapping[Lane, int]) -> int:
    """The most tokens that the user's message may have: the history and the buffer lanes."""
    return lanes[Lane.HISTORY] + lanes[Lane.BUFFER]


def message_fits(message_tokens: int, lanes: Mapping[Lane, int]) -> bool:
    """Whether the user's message, which is never cut, fits by itself."""
    return message_tokens <= message_room(lanes)


def history_room(message_tokens: int, lanes: Mapping[Lane, int]) -> int:
    """What the message, the newest of the history lane, leaves there for older ones."""
    return max(0, lanes[Lane.HISTORY] - message_tokens)


def first_hold(
    *,
    system_and_tools: int,
    history_and_message: int,
    memory_cap: int,
    reply: int,
    token_limit: int,
) -> int:
    """Tokens to reserve for a turn's first model call: what was counted, never the window.

    Args:
        system_and_tools: Tokens of both lanes as they are.
        history_and_message: Tokens of the history lane as it is, the user's message with it.
        memory_cap: The most that the memory lane may have; recall comes after the reservation.
        reply: The bound of the reply.
        token_limit: The money level's.
    """
    return min(token_limit, system_and_tools + history_and_message + memory_cap + reply)


FRAME_TOKENS: Final = 8
"""The most that a chat template adds around one message, with an estimated count."""


def estimated_tokens(text: str) -> int:
    """Tokens of a text without the model's own tokenizer: its UTF-8 bytes.

    Never under the truth: every token of a byte-level vocabulary stands for at least one byte. A
    lone surrogate counts as the three bytes it would have.
    """
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
