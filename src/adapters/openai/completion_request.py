"""The body of a chat completion."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import orjson

from adapters.openai.conversation_form import Written, as_plain_talk, with_native_calls
from adapters.openai.provider import Provider
from adapters.openai.schema_call import SchemaCall, schema_call
from adapters.openai.tool_names import ToolNames
from application.conversation.ports.models import ModelRequest, ToolOffer
from domain.capability.capability import ToolCalling
from domain.conversation.errors import ModelFailedError
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode

OPTIONS: Final[Mapping[str, Written]] = {
    "stream_options": {"stream_options": {"include_usage": True}},
    # Without a bound, llama.cpp gives twenty alternatives of every token.
    "logprobs": {"logprobs": True, "top_logprobs": 1},
}
"""What is left out for a model whose server refuses it, by the name it is refused under."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What is asked, and how its answer is to be read.

    Attributes:
        asked: The body without its options.
        wished: The options, by the names in `OPTIONS`.
        names: The tools' names as they are sent.
        call: The tool call that the model is made to write as JSON, if any.
    """

    asked: Written
    wished: frozenset[str]
    names: ToolNames
    call: SchemaCall | None

    @classmethod
    def of(cls, request: ModelRequest, provider: Provider) -> Self:
        """Raises: ModelFailedError: A tool call is demanded of a model that can make none."""
        capability = request.capability
        names = ToolNames.of(
            name
            for names in (
                (tool.name for tool in request.tools),
                (call.tool for message in request.messages for call in message.calls),
            )
            for name in names
        )
        asked: Written = {
            "model": capability.model,
            "stream": True,
            provider.reply_bound_field: request.max_tokens,
        }
        if provider.sends_temperature:
            asked["temperature"] = request.temperature
        call: SchemaCall | None = None
        if capability.tool_calling is ToolCalling.NATIVE:
            asked["messages"] = with_native_calls(request.messages, names)
            asked |= _offers(request.tools, request.tool_choice, names)
        else:
            if capability.tool_calling is ToolCalling.JSON_SCHEMA:
                call = schema_call(request.tool_choice, request.tools)
            if call is None:
                _refuse_demand(request)
            asked["messages"] = as_plain_talk(request.messages, call.instruction if call else "")
            asked |= _response_format(call)
            if call is not None and "temperature" in asked:
                # Of a call's arguments there is a best writing; chance only spoils it.
                asked["temperature"] = 0.0
        wished = {"stream_options"}
        if request.confidence and capability.supports_logprobs:
            wished.add("logprobs")
        return cls(asked, frozenset(wished), names, call)

    def body(self, refused: Collection[str]) -> bytes:
        """The JSON to send, without the options that the server refused before."""
        asked = self.asked
        for option in self.wished:
            if option not in refused:
                asked = asked | OPTIONS[option]
        return orjson.dumps(asked)


def _refuse_demand(request: ModelRequest) -> None:
    if request.tool_choice.mode in {ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED}:
        raise ModelFailedError(
            request.capability.name, "a tool call is demanded, and it can make none of this kind"
        )


def _response_format(call: SchemaCall | None) -> Written:
    if call is None:
        return {}
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "tool_call", "schema": call.schema},
        }
    }


def _offers(tools: Sequence[ToolOffer], choice: ToolChoice, names: ToolNames) -> Written:
    if not tools:
        return {}
    offered = [
        {
            "type": "function",
            "function": {
                "name": names.sent[tool.name],
                "description": tool.description,
                "parameters": orjson.Fragment(tool.schema),
            },
        }
        for tool in tools
    ]
    return {"tools": offered, "tool_choice": _written(choice, names)}


def _written(choice: ToolChoice, names: ToolNames) -> str | Written:
    if choice.mode is ToolChoiceMode.NAMED:
        name = names.sent.get(choice.tool, choice.tool)
        return {"type": "function", "function": {"name": name}}
    return choice.mode.value
