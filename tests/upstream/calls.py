"""Calls of a language model, one keyword away from interesting ones."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from application.conversation.ports.models import (
    LanguageModel,
    ModelChunk,
    ModelEnd,
    ModelRequest,
    ModelText,
    ToolOffer,
)
from domain.capability.capability import Capability, Modality, ToolCalling
from domain.conversation.message import Message, Role
from domain.kernel.tier import Tier
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode

QUESTION: Final = Message(Role.USER, "What is 17.5 * 3?")
ARITHMETIC: Final = ToolOffer(
    name="arithmetic",
    description="Computes an expression exactly.",
    schema=(
        '{"type":"object","properties":{"expression":{"type":"string",'
        '"description":"The expression.","pattern":"^[0-9.*+ ]+$","maxLength":16}},'
        '"required":["expression"],"additionalProperties":false}'
    ),
)
CURRENT_TIME: Final = ToolOffer(
    name="current_time",
    description="Tells the time in a zone.",
    schema=(
        '{"type":"object","properties":{"zone":{"type":"string","pattern":"^[A-Z]{3}$"}},'
        '"required":["zone"],"additionalProperties":false}'
    ),
)
AUTO: Final = ToolChoice()
REQUIRED: Final = ToolChoice(ToolChoiceMode.REQUIRED)
NAMED: Final = ToolChoice(ToolChoiceMode.NAMED, "arithmetic")


def capability(
    tool_calling: ToolCalling = ToolCalling.NATIVE,
    *,
    provider: str = "scripted",
    supports_logprobs: bool = False,
) -> Capability:
    return Capability(
        name="scripted-large",
        modality=Modality.TEXT,
        provider=provider,
        model="scripted",
        model_tier=Tier.STANDARD,
        cost_tier=Tier.STANDARD,
        context_window=8192,
        tool_calling=tool_calling,
        supports_logprobs=supports_logprobs,
    )


def model_request(  # noqa: PLR0913 - each keyword is one thing that a test may want otherwise
    of: Capability,
    *,
    messages: Sequence[Message] = (QUESTION,),
    tools: Sequence[ToolOffer] = (),
    tool_choice: ToolChoice = AUTO,
    max_tokens: int = 64,
    seconds: float = 300.0,
    confidence: bool = False,
) -> ModelRequest:
    return ModelRequest(
        capability=of,
        messages=tuple(messages),
        tools=tuple(tools),
        tool_choice=tool_choice,
        temperature=0.3,
        max_tokens=max_tokens,
        seconds=seconds,
        confidence=confidence,
    )


async def chunks_of(stream: AsyncIterator[ModelChunk]) -> list[ModelChunk]:
    return [chunk async for chunk in stream]


async def answer_of(model: LanguageModel, request: ModelRequest) -> tuple[str, ModelEnd]:
    """The text of an answer, and its end; an answer has exactly one, the last."""
    *texts, end = await chunks_of(model.stream(request))
    assert isinstance(end, ModelEnd)
    deltas: list[str] = []
    for text in texts:
        assert isinstance(text, ModelText)
        assert text.delta
        deltas.append(text.delta)
    return "".join(deltas), end
