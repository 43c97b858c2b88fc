"""Tool calls by JSON Schema: what is demanded, and how it is read."""

import json

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from adapters.openai.schema_call import NotTheSchemaError, SchemaCall, schema_call
from application.conversation.ports.models import ToolOffer
from application.kernel.ports import Json
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode
from tests.upstream.calls import ARITHMETIC, AUTO, CURRENT_TIME, NAMED, REQUIRED

BOTH = (ARITHMETIC, CURRENT_TIME)
WITH_DEFINITIONS = ToolOffer(
    name="move",
    description="Moves.",
    schema=json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"to": {"$ref": "#/$defs/place"}},
            "required": ["to"],
            "additionalProperties": False,
            "$defs": {
                "place": {"type": "array", "items": {"$ref": "#/$defs/number"}},
                "number": {"type": "integer"},
            },
        }
    ),
)


def validator_of(call: SchemaCall) -> Validator:
    return Draft202012Validator(call.schema)


def of(choice: ToolChoice, *tools: ToolOffer) -> SchemaCall:
    call = schema_call(choice, tools)
    assert call is not None
    return call


@pytest.mark.parametrize("choice", [AUTO, ToolChoice(ToolChoiceMode.NONE)])
def test_a_model_that_may_answer_answers(choice: ToolChoice) -> None:
    assert schema_call(choice, BOTH) is None


def test_a_named_tool_that_is_not_offered_cannot_be_called() -> None:
    assert schema_call(NAMED, (CURRENT_TIME,)) is None


def test_of_a_named_tool_only_the_arguments_are_written() -> None:
    call = of(NAMED, *BOTH)

    assert call.schema == json.loads(ARITHMETIC.schema)
    assert call.read(' {"expression": "1 + 2"}\n') == ("arithmetic", '{"expression":"1 + 2"}')


def test_of_several_tools_one_is_chosen() -> None:
    call = of(REQUIRED, *BOTH)
    written: Json = {"tool": "current_time", "arguments": {"zone": "UTC"}}

    assert validator_of(call).is_valid(written)
    assert call.read(json.dumps(written)) == ("current_time", '{"zone":"UTC"}')


@pytest.mark.parametrize(
    "written",
    [
        {"tool": "current_time", "arguments": {"expression": "1"}},
        {"tool": "unknown", "arguments": {}},
        {"arguments": {"zone": "UTC"}},
    ],
)
def test_the_schema_of_several_tools_refuses_what_is_none_of_them(written: Json) -> None:
    assert not validator_of(of(REQUIRED, *BOTH)).is_valid(written)


def test_definitions_of_tools_do_not_meet() -> None:
    call = of(REQUIRED, WITH_DEFINITIONS, WITH_DEFINITIONS, ARITHMETIC)
    validator = validator_of(call)

    assert validator.is_valid({"tool": "move", "arguments": {"to": [1, 2]}})
    assert not validator.is_valid({"tool": "move", "arguments": {"to": ["a"]}})
    assert "$schema" not in json.dumps(call.schema)


def test_the_instruction_names_the_tool_and_its_arguments() -> None:
    told = of(NAMED, *BOTH).instruction

    assert "arithmetic" in told
    assert "expression: The expression." in told
    assert "current_time" not in told


@pytest.mark.parametrize(
    "text", ["", "17.5 * 3", "[1]", '"text"', '{"expression": ', "[" * 100_000, '{"a": 1} {"b": 2}']
)
def test_what_is_no_object_is_no_call(text: str) -> None:
    with pytest.raises(NotTheSchemaError):
        of(NAMED, *BOTH).read(text)


@pytest.mark.parametrize("text", ["{}", '{"tool": 1, "arguments": {}}', '{"tool": "a"}', "null"])
def test_what_names_no_tool_is_no_call(text: str) -> None:
    with pytest.raises(NotTheSchemaError):
        of(REQUIRED, *BOTH).read(text)
