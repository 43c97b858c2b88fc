"""Language models and their tokenizers."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.capability.capability import Capability
from domain.conversation.message import Message, ToolCall
from domain.kernel.tool_choice import ToolChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOffer:
    """A tool as a model is told of it: name, description and JSON Schema of its arguments."""

    name: str
    description: str
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call of a model. `seconds` is what is left of the turn's deadline."""

    capability: Capability
    messages: tuple[Message, ...]
    tools: tuple[ToolOffer, ...]
    tool_choice: ToolChoice
    temperature: float
    max_tokens: int
    seconds: float
    confidence: bool = False


@dataclass(frozen=True, slots=True)
class ModelText:
    """All the text that one read of the provider's stream brought."""

    delta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEnd:
    """A provider's stream ended as it should.

    `finish_reason` is stop, length, tool_calls or content_filter. Token counts are None where the
    provider did not tell. `confidence` is the mean token probability, where it was asked for.
    """

    finish_reason: str
    calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    confidence: float | None = None
    request_id: str = ""
    first_byte_seconds: float = 0.0


ModelChunk = ModelText | ModelEnd


class LanguageModel(Protocol):
    """Models of one or more providers, streamed."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        """Call the model; the last chunk is a `ModelEnd`. Closing the iterator frees the socket.

        Raises:
            ModelFailedError: The provider refused, or what it sent is not of its protocol.
            ModelTruncatedError: The stream ended without its terminator.
            ModelTimedOutError: A stage (connect, first byte, between chunks, whole) took too long.
            ModelRateLimitedError: 429; with the seconds to wait where the provider said so.
        """
        ...


class TokenCounter(Protocol):
    """Counts tokens as a capability's model does, or never under the truth."""

    async def count(self, capability: Capability, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text: exact with the model's own tokenizer, else UTF-8 bytes."""
        ...

    def exact(self, capability: Capability) -> bool:
        """Whether counts for this capability are the tokenizer's own."""
        ...
