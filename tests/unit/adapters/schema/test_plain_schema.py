"""What is found right at once is right to the validator too."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.schema.arguments import JsonSchemaArguments
from adapters.schema.plain_schema import plain_check
from application.kernel.ports import Json
from domain.tools.errors import ToolArgumentsInvalidError
from domain.tools.tool import Tool

CHECKER = JsonSchemaArguments()

bounds = st.integers(-3, 3)
texts = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "enum": st.lists(st.sampled_from(["a", "b", "é", ""]), min_size=1, unique=True),
        "pattern": st.sampled_from(["^a", "b$", "[a-z]"]),
        "description": st.just("words"),
    },
)
numbers = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={"minimum": bounds, "maximum": bounds},
)
names = st.sampled_from(["x", "y", "z"])
schemas = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.dictionaries(names, texts | numbers | st.just({"type": "boolean"})),
    },
    optional={
        "required": st.lists(names, unique=True),
        "additionalProperties": st.booleans(),
    },
)
values = st.one_of(
    st.none(), st.booleans(), st.integers(-4, 4), st.sampled_from([1.0, 2.5, "a", "ab", "é", ""])
)
objects = st.dictionaries(names, values)


def tool(schema: Json) -> Tool:
    return Tool(name="probe", description="", schema=json.dumps(schema))


def is_valid(schema: dict[str, Json], value: Json) -> bool:
    """What the checker says that has no shortcut: a second, empty form makes no schema plain."""
    try:
        CHECKER.check(tool({**schema, "allOf": [{}]}), json.dumps(value))
    except ToolArgumentsInvalidError:
        return False
    return True


@given(schemas, objects)
def test_what_is_found_right_is_right_to_the_validator(
    schema: dict[str, Json], value: dict[str, Json]
) -> None:
    check = plain_check(schema)

    assert check is not None
    assert is_valid(schema, value) or not check(value)


def test_most_right_objects_are_found_right_at_once() -> None:
    check = plain_check(
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 2, "pattern": "^[A-Z]"},
                "days": {"type": "integer", "minimum": 1, "maximum": 10},
                "unit": {"type": "string", "enum": ["C", "F"]},
            },
            "required": ["city"],
            "additionalProperties": False,
        }
    )

    assert check is not None
    assert check({"city": "Oslo", "days": 3, "unit": "C"})
    assert not check({"city": "Oslo", "days": True})
    assert not check({"city": "Oslo", "other": 1})
    assert not check({"days": 3})
    assert not check([])


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": ["object", "null"]},
        {"type": "object", "minProperties": 1},
        {"type": "object", "properties": {"x": True}},
        {"type": "object", "properties": {"x": {}}},
        {"type": "object", "properties": {"x": {"type": "array"}}},
        {"type": "object", "properties": {"x": {"type": "string", "format": "date"}}},
        {"type": "object", "properties": {"x": {"type": "integer", "enum": [1]}}},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "$defs": {}},
        {"type": "object", "title": 1},
        {"type": "object", "required": ["x", "x"]},
        {"type": "object", "required": [1]},
        {"type": "object", "properties": {"x": {"type": "string", "minLength": -1}}},
        {"type": "object", "properties": {"x": {"type": "string", "maxLength": "1"}}},
        {"type": "object", "properties": {"x": {"type": "string", "pattern": 1}}},
        {"type": "object", "properties": {"x": {"type": "string", "enum": "a"}}},
        {"type": "object", "properties": {"x": {"type": "number", "minimum": True}}},
    ],
)
def test_a_schema_that_says_more_or_is_none_is_not_plain(schema: dict[str, Json]) -> None:
    assert plain_check(schema) is None
