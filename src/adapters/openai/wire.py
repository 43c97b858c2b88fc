"""What of the provider's JSON is read; everything else in it is passed over undecoded."""

import re
from typing import Final

from msgspec import Struct
from msgspec.json import Decoder

_ERROR_CODE: Final = re.compile(r"[a-z][a-z_]{1,47}")


class FunctionPart(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class CallPart(Struct, gc=False):
    """A piece of one tool call. Some servers leave the index out of calls that come whole."""

    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None


class Delta(Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None


class TokenProbability(Struct, gc=False):
    logprob: float


class Probabilities(Struct, gc=False):
    content: list[TokenProbability] | None = None


class Choice(Struct, gc=False):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: Probabilities | None = None


class PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None


class CompletionDetails(Struct, gc=False):
    reasoning_tokens: int | None = None


class UsageReport(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None


class ErrorReport(Struct, gc=False):
    """A provider's error; its message may repeat secrets or prompts, so it is never read."""

    code: str | int | None = None
    type: str | None = None

    @property
    def name(self) -> str:
        """The code or type where it is a plain word; empty otherwise: it may hold anything."""
        for name in (self.code, self.type):
            if isinstance(name, str) and _ERROR_CODE.fullmatch(name):
                return name
        return ""

    @property
    def is_rate_limit(self) -> bool:
        return self.code in {429, "429"} or self.name in {
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limited",
        }


class ChunkId(Struct, gc=False):
    """Every chunk repeats the id of its stream: it is read once."""

    id: str | None = None


class Chunk(Struct, gc=False):
    choices: list[Choice] | None = None
    usage: UsageReport | None = None
    error: ErrorReport | str | None = None


class Refusal(Struct, gc=False):
    error: ErrorReport | str | None = None


class ModelEntry(Struct, gc=False):
    id: str
    owned_by: str | None = None


class ModelList(Struct, gc=False):
    data: list[ModelEntry]


class TokenList(Struct, gc=False):
    tokens: list[int]


class ServerSlot(Struct, gc=False):
    n_ctx: int | None = None


class ServerProperties(Struct, gc=False):
    """What llama.cpp's server says of itself."""

    default_generation_settings: ServerSlot | None = None
    eos_token: str | None = None


CHUNKS: Final = Decoder(Chunk)
IDS: Final = Decoder(ChunkId)
REFUSALS: Final = Decoder(Refusal)
MODEL_LISTS: Final = Decoder(ModelList)
TOKEN_LISTS: Final = Decoder(TokenList)
SERVER_PROPERTIES: Final = Decoder(ServerProperties)
