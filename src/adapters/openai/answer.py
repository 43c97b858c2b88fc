"""A model's answer as its stream builds it up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp
from typing import Final, final

from msgspec import DecodeError

from adapters.openai.completion_request import CompletionRequest
from adapters.openai.refusals import reported
from adapters.openai.schema_call import NotTheSchemaError
from adapters.openai.wire import (
    CHUNKS,
    IDS,
    CallPart,
    Choice,
    Chunk,
    Delta,
    TokenProbability,
    UsageReport,
)
from application.conversation.ports.models import ModelEnd
from domain.conversation.errors import ModelFailedError, ModelTruncatedError
from domain.conversation.message import ToolCall

MOST_CALLS: Final = 64
LONGEST_NAME: Final = 128
LONGEST_ID: Final = 256
_TERMINATOR: Final = b"[DONE]"
_MOST_TOKENS: Final = 10**9

_decode: Final = CHUNKS.decode

_FINISH_REASONS: Final[Mapping[str, str]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}


@dataclass(slots=True)
class _GrowingCall:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@final
class Answer:
    """Takes the stream's events in order, gives the text to show, and in the end its `ModelEnd`.

    The stream must say a finish reason and then `[DONE]`: whatever lacks either is no answer, since
    a proxy that gives up may end a stream as neatly as a model does.
    """

    def __init__(self, capability: str, request: CompletionRequest, call_mark: str) -> None:
        self._capability = capability
        self._request = request
        self._call_mark = call_mark
        self.done = False
        self.request_id = ""
        self._finish_reason: str | None = None
        self._usage: UsageReport | None = None
        self._calls: dict[int, _GrowingCall] = {}
        self._texts: list[str] = []
        self._written: list[str] = []
        self._refused = False
        self._probability = 0.0
        self._tokens = 0

    def take(self, events: list[bytes]) -> str:
        """The text that these events add.

        Raises:
            ModelFailedError: An event is not of the protocol, or reports an error.
            ModelRateLimitedError: An event reports that.
        """
        try:
            if not self.request_id and events:
                self.request_id = _id_in(events[0])
            for event in events:
                if event == _TERMINATOR:
                    self.done = True
                    break
                self._add(_decode(event))
        except (DecodeError, RecursionError) as failure:
            raise self._failed("an event of its stream is not of the protocol") from failure
        if not self._texts:
            return ""
        text = _storable("".join(self._texts))
        self._texts.clear()
        if self._request.call is None:
            return text
        self._written.append(text)
        return ""

    def end(self, first_byte_seconds: float) -> ModelEnd:
        """The answer's end, once its stream has ended.

        Raises:
            ModelTruncatedError: The stream ended without saying so.
            ModelFailedError: The end is not of the protocol, or the demanded call is not one.
        """
        if not self.done:
            raise ModelTruncatedError(self._capability)
        if self._finish_reason is None:
            raise self._failed("it gave no finish reason")
        reason = _FINISH_REASONS.get(self._finish_reason.lower())
        if reason is None:
            raise self._failed("it finished for a reason that is not known")
        calls: tuple[ToolCall, ...] = ()
        if self._refused:
            reason = "content_filter"
        if reason in {"stop", "tool_calls"}:
            calls = self._written_call() if self._request.call else self._native_calls()
            if reason == "tool_calls" and not calls:
                raise self._failed("it asked for tools and named none")
            reason = "tool_calls" if calls else "stop"
        usage = self._usage or UsageReport()
        prompt, completion = _count(usage.prompt_tokens), _count(usage.completion_tokens)
        return ModelEnd(
            finish_reason=reason,
            calls=calls,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=min(_cached(usage), prompt or 0),
            reasoning_tokens=min(_reasoning(usage), completion or 0),
            confidence=self._probability / self._tokens if self._tokens else None,
            request_id=self.request_id,
            first_byte_seconds=first_byte_seconds,
        )

    def _add(self, chunk: Chunk) -> None:
        # This runs once for each token: what is rare is looked at elsewhere.
        choices = chunk.choices
        if choices and choices[0].index == 0:
            choice = choices[0]
            delta = choice.delta
            if delta is not None:
                if delta.content:
                    self._texts.append(delta.content)
                if delta.tool_calls is not None or delta.refusal is not None:
                    self._add_rare(delta)
            if choice.finish_reason is not None or choice.logprobs is not None:
                self._close(choice)
        if chunk.usage is not None or chunk.error is not None:
            self._report(chunk)

    def _add_rare(self, delta: Delta) -> None:
        for part in delta.tool_calls or ():
            self._grow(part)
        if delta.refusal:
            self._refused = True
            self._texts.append(delta.refusal)

    def _close(self, choice: Choice) -> None:
        if choice.finish_reason is not None:
            self._finish_reason = choice.finish_reason
        if choice.logprobs is not None:
            self._weigh(choice.logprobs.content or [])

    def _report(self, chunk: Chunk) -> None:
        if chunk.error is not None:
            raise reported(self._capability, chunk.error)
        self._usage = chunk.usage

    def _weigh(self, tokens: list[TokenProbability]) -> None:
        for token in tokens:
            self._probability += exp(min(token.logprob, 0.0))
            self._tokens += 1

    def _grow(self, part: CallPart) -> None:
        index = len(self._calls) if part.index is None else part.index
        call = self._calls.get(index)
        if call is None:
            if len(self._calls) == MOST_CALLS:
                raise self._failed("it calls too many tools at once")
            call = self._calls[index] = _GrowingCall()
        if part.id:
            call.id = part.id
        if part.function is not None:
            if part.function.name:
                call.name = part.function.name
            if part.function.arguments:
                call.arguments.append(part.function.arguments)

    def _native_calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._call(index, call) for index, call in sorted(self._calls.items()))

    def _call(self, index: int, call: _GrowingCall) -> ToolCall:
        if not call.name or len(call.name) > LONGEST_NAME or len(call.id) > LONGEST_ID:
            raise self._failed("a tool call of its has no name, or too long a one")
        return ToolCall(
            id=_storable(call.id) or f"{self._call_mark}{index}",
            tool=self._request.names.name(_storable(call.name)),
            arguments=_storable("".join(call.arguments)) or "{}",
        )

    def _written_call(self) -> tuple[ToolCall, ...]:
        if self._request.call is None:
            return ()
        try:
            tool, arguments = self._request.call.read("".join(self._written))
        except NotTheSchemaError as failure:
            raise self._failed("the tool call that it wrote is not of its schema") from failure
        return (ToolCall(id=f"{self._call_mark}0", tool=tool, arguments=arguments),)

    def _failed(self, cause: str) -> ModelFailedError:
        return ModelFailedError(self._capability, cause)


def plain_id(text: str) -> str:
    """A provider's id of the call where it is a plain one; empty otherwise."""
    return text if len(text) <= LONGEST_ID and text.isascii() and text.isprintable() else ""


def _id_in(event: bytes) -> str:
    return plain_id(IDS.decode(event).id or "") if event != _TERMINATOR else ""


def _storable(text: str) -> str:
    # The database takes no NUL; one that a model writes must not cost the turn.
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _count(tokens: int | None) -> int | None:
    return tokens if tokens is not None and 0 <= tokens <= _MOST_TOKENS else None


def _cached(usage: UsageReport) -> int:
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details else usage.prompt_cache_hit_tokens
    return _count(cached) or 0


def _reasoning(usage: UsageReport) -> int:
    details = usage.completion_tokens_details
    return _count(details.reasoning_tokens) or 0 if details else 0
