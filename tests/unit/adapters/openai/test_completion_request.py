"""The body of a chat completion, by the way that its model calls tools."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import orjson
import pytest

from adapters.openai.completion_request import CompletionRequest
from adapters.openai.provider import Provider
from application.conversation.ports.models import ModelRequest
from application.kernel.ports import Json
from domain.capability.capability import ToolCalling
from domain.conversation.errors import ModelFailedError
from domain.conversation.message import Message, Role, ToolCall
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode
from tests.upstream.calls import (
    ARITHMETIC,
    CURRENT_TIME,
    NAMED,
    QUESTION,
    REQUIRED,
    capability,
    model_request,
)

PROVIDER = Provider(name="scripted")
CALL = ToolCall("c1", "arithmetic", '{"expression":"17.5 * 3"}')
HISTORY = (
    Message(Role.SYSTEM, "Answer shortly."),
    QUESTION,
    Message(Role.ASSISTANT, "", (CALL,)),
    Message(Role.TOOL, "52.5", call_id="c1"),
    Message(Role.USER, "And?"),
)


def body_of(
    request: ModelRequest, provider: Provider = PROVIDER, refused: Collection[str] = ()
) -> Mapping[str, Json]:
    body: Mapping[str, Json] = orjson.loads(CompletionRequest.of(request, provider).body(refused))
    return body


def test_a_plain_question_is_asked_with_its_bounds() -> None:
    assert body_of(model_request(capability())) == {
        "model": "scripted",
        "stream": True,
        "max_tokens": 64,
        "temperature": 0.3,
        "messages": [{"role": "user", "content": "What is 17.5 * 3?"}],
        "stream_options": {"include_usage": True},
    }


def test_a_provider_has_its_own_name_for_the_bound_and_may_refuse_a_temperature() -> None:
    provider = replace(PROVIDER, reply_bound_field="max_completion_tokens", sends_temperature=False)

    body = body_of(model_request(capability()), provider)

    assert body["max_completion_tokens"] == 64
    assert not {"max_tokens", "temperature"} & body.keys()


def test_a_refused_option_is_left_out() -> None:
    assert "stream_options" not in body_of(model_request(capability()), refused={"stream_options"})


@pytest.mark.parametrize(
    ("asked", "given", "sent"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_probabilities_are_asked_of_those_that_give_them(
    *, asked: bool, given: bool, sent: bool
) -> None:
    request = model_request(capability(supports_logprobs=given), confidence=asked)

    assert ("logprobs" in body_of(request)) is sent


def test_a_native_model_is_offered_its_tools() -> None:
    offered = replace(ARITHMETIC, name="math.arithmetic")
    choice = ToolChoice(ToolChoiceMode.NAMED, "math.arithmetic")

    body = body_of(model_request(capability(), tools=(offered,), tool_choice=choice))

    assert body["tool_choice"] == {"type": "function", "function": {"name": "math_arithmetic"}}
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "math_arithmetic",
                "description": ARITHMETIC.description,
                "parameters": orjson.loads(ARITHMETIC.schema),
            },
        }
    ]


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_a_choice_is_sent_by_its_name(mode: str) -> None:
    choice = ToolChoice(ToolChoiceMode(mode))

    assert (
        body_of(model_request(capability(), tools=(ARITHMETIC,), tool_choice=choice))["tool_choice"]
        == mode
    )


def test_a_native_model_sees_calls_and_their_answers() -> None:
    messages = body_of(model_request(capability(), messages=HISTORY))["messages"]

    assert isinstance(messages, list)
    assert messages[2:4] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "arithmetic", "arguments": CALL.arguments},
                }
            ],
        },
        {"role": "tool", "content": "52.5", "tool_call_id": "c1"},
    ]


@pytest.mark.parametrize("calling", [ToolCalling.JSON_SCHEMA, ToolCalling.NONE])
def test_a_model_without_tools_is_told_of_calls_in_words(calling: ToolCalling) -> None:
    assert body_of(model_request(capability(calling), messages=HISTORY))["messages"] == [
        {"role": "system", "content": "Answer shortly."},
        {"role": "user", "content": "What is 17.5 * 3?"},
        {
            "role": "assistant",
            "content": 'I called the tool arithmetic with {"expression":"17.5 * 3"}.',
        },
        {"role": "user", "content": "The tool arithmetic answered: 52.5\n\nAnd?"},
    ]


def test_a_schema_model_that_may_answer_is_offered_nothing() -> None:
    request = model_request(capability(ToolCalling.JSON_SCHEMA), tools=(ARITHMETIC,))

    assert not {"tools", "tool_choice", "response_format"} & body_of(request).keys()


def test_a_demanded_call_becomes_a_schema_an_instruction_and_no_chance() -> None:
    request = model_request(
        capability(ToolCalling.JSON_SCHEMA),
        tools=(ARITHMETIC, CURRENT_TIME),
        tool_choice=NAMED,
    )

    body = body_of(request)

    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "tool_call", "schema": orjson.loads(ARITHMETIC.schema)},
    }
    assert body["temperature"] == 0.0
    match body["messages"]:
        case [{"role": "system", "content": str(told)}, {"role": "user"}]:
            assert "arithmetic" in told
        case other:
            pytest.fail(f"not told: {other}")


@pytest.mark.parametrize("calling", [ToolCalling.JSON_SCHEMA, ToolCalling.NONE])
@pytest.mark.parametrize("choice", [NAMED, REQUIRED])
def test_a_call_that_cannot_be_made_is_refused_before_anything_is_sent(
    calling: ToolCalling, choice: ToolChoice
) -> None:
    tools = () if calling is ToolCalling.JSON_SCHEMA else (ARITHMETIC,)

    with pytest.raises(ModelFailedError, match="demanded"):
        body_of(model_request(capability(calling), tools=tools, tool_choice=choice))


@pytest.mark.parametrize(
    "address",
    ["", "openai", "ftp://a/v1", "https://key@a/v1", "https://a/v1?key=1", "https:///v1"],
)
def test_an_address_is_a_plain_http_one(address: str) -> None:
    with pytest.raises(InvalidArgumentError):
        Provider(name="a", base_url=address)
