"""What one call of a model is made of, and what comes of it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from application.conversation.ports.models import TokenCounter, ToolOffer
from domain.capability.capability import Capability
from domain.conversation.bounds import FRAME_TOKENS
from domain.conversation.message import Message, Role, ToolCall
from domain.kernel.tool_choice import ToolChoice

GO_ON: Final = (
    "Your answer was cut off. Go on exactly where it stopped: repeat nothing of it and add nothing "
    "before it."
)
"""What a model is told whose answer broke off."""

Renewing = Callable[[str, int], Awaitable[None]]
"""Settles what was used, and reserves so many tokens for the rest of an answer."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an answer that stands, which may be nothing yet.

    Counted as prompts of `capability` are: `tokens` those of the part, `prompt_tokens` what a
    prompt is longer by, to have the answer continued.
    """

    text: str = ""
    capability: str = ""
    tokens: int = 0
    prompt_tokens: int = 0


async def part_of(counter: TokenCounter, capability: Capability, text: str) -> Part:
    """The part that a capability is to go on from."""
    if not text:
        return Part()
    part, asking = await counter.count(capability, [text, GO_ON])
    return Part(text, capability.name, part, part + asking + 2 * FRAME_TOKENS)


async def largest_part(
    counter: TokenCounter, capabilities: Iterable[Capability], text: str
) -> Part:
    """The part as that one of some capabilities counts it which counts the most."""
    parts = [await part_of(counter, one, text) for one in capabilities]
    return max(parts, key=lambda part: part.prompt_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call to make, of the first candidate that answers.

    `reply` are the tokens that are left to the answer, `requested` what its client lets all of it
    have, `part` included. `prompt_tokens` is the prompt as it was counted; it settles a call whose
    provider does not say. Where the answer breaks off after some of it was shown, `renew` reserves
    another attempt, which goes on; None where it must not.
    """

    candidates: tuple[Capability, ...]
    messages: tuple[Message, ...]
    offers: tuple[ToolOffer, ...]
    choice: ToolChoice
    temperature: float
    reply: int
    prompt_tokens: int
    round: int
    deadline: float
    confidence: bool = False
    part: Part = Part()
    requested: int | None = None
    renew: Renewing | None = None

    @property
    def tokens(self) -> int:
        """What it needs at most."""
        return self.prompt_tokens + self.reply

    def going_on(self, part: Part) -> "ModelCall":
        """The same call, for the rest of its answer; its reply is 0 where none is left."""
        reply = self.reply
        if self.requested is not None:
            reply = max(0, min(reply, self.requested - part.tokens))
        more = self.prompt_tokens + part.prompt_tokens - self.part.prompt_tokens
        return replace(self, part=part, prompt_tokens=more, reply=reply)

    @property
    def told(self) -> tuple[Message, ...]:
        """What the model is told: a part of its answer that stands is its own last message."""
        if not self.part.text:
            return self.messages
        return (
            *self.messages, Message(Role.ASSISTANT, self.part.text), Message(Role.USER, GO_ON)
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    text: str
    calls: tuple[ToolCall, ...]
    finish_reason: str
