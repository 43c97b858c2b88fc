"""Arguments as models get them wrong, and as nobody honest would write them."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.schema.arguments import MAX_VIOLATIONS, JsonSchemaArguments
from application.kernel.ports import Json
from domain.kernel.errors import InvalidArgumentError, Violation
from domain.tools.errors import ToolArgumentsInvalidError
from domain.tools.tool import Tool

CHECKER = JsonSchemaArguments()


def tool(schema: Json) -> Tool:
    return Tool(name="probe", description="", schema=json.dumps(schema))


PROBE = tool(
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "minLength": 2, "maxLength": 20, "pattern": "^[A-Z]"},
            "days": {"type": "integer", "minimum": 1, "maximum": 10},
            "unit": {"enum": ["C", "F"]},
            "places": {
                "type": "array",
                "items": {"type": "object", "properties": {"x": {"type": "number"}}},
                "uniqueItems": True,
                "maxItems": 3,
            },
            "when": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
)


def violations(arguments: str, of: Tool = PROBE) -> dict[str, str]:
    with pytest.raises(ToolArgumentsInvalidError) as refusal:
        CHECKER.check(of, arguments)
    return {one.field: one.description for one in refusal.value.violations}


@pytest.mark.parametrize(
    "arguments", ['{"city":"Oslo"}', ' {"city": "Oslo", "days": 3.0, "unit": "C", "places": []} ']
)
def test_what_fits_is_taken(arguments: str) -> None:
    CHECKER.check(PROBE, arguments)


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ("{}", "$.city", "is required"),
        ('{"city":7}', "$.city", "must be string, not number"),
        ('{"city":null}', "$.city", "must be string, not null"),
        ('{"city":"O"}', "$.city", "must have at least 2 characters"),
        ('{"city":"oslo"}', "$.city", "must match ^[A-Z]"),
        (
            json.dumps({"city": "O" * 21}),
            "$.city",
            "has 21 characters; at most 20",
        ),
        ('{"city":"Oslo","days":"3"}', "$.days", "must be integer, not string"),
        ('{"city":"Oslo","days":2.5}', "$.days", "must be integer, without decimals"),
        ('{"city":"Oslo","days":true}', "$.days", "must be integer, not boolean"),
        ('{"city":"Oslo","days":0}', "$.days", "must be at least 1"),
        ('{"city":"Oslo","days":11}', "$.days", "must be at most 10"),
        ('{"city":"Oslo","unit":"K"}', "$.unit", 'must be one of "C", "F"'),
        (
            '{"city":"Oslo","places":[{"x":1},{"x":"1"}]}',
            "$.places[1].x",
            "must be number, not string",
        ),
        ('{"city":"Oslo","places":[{},{}]}', "$.places", "must not hold the same item twice"),
        ('{"city":"Oslo","places":[1,2,3,4]}', "$.places", "has 4 items; at most 3"),
        ('{"city":"Oslo","when":[]}', "$.when", "fits none of the forms that the schema allows"),
        (
            '{"city":"Oslo","country":1}',
            "$.country",
            "is not known; known are: city, days, unit, places, when",
        ),
        (
            '{"city":"Oslo","a b":1}',
            '$["a b"]',
            "is not known; known are: city, days, unit, places, when",
        ),
        ("[]", "$", "must be a JSON object"),
        ('"Oslo"', "$", "must be a JSON object"),
        ("", "$", "is not valid JSON: Expecting value at line 1 column 1"),
        ('{"city":', "$", "is not valid JSON: Expecting value at line 1 column 9"),
        ('{"city":"Oslo"} extra', "$", "is not valid JSON: Extra data at line 1 column 17"),
        ('{"city":"Oslo","city":"Rome"}', "$", "names a key twice in one object"),
        ('{"city":NaN}', "$", "holds NaN, which is not JSON"),
        ('{"city":1e999}', "$", "has a number beyond every bound"),
        (f'{{"city":{"9" * 5000}}}', "$", "has a number with too many digits"),
        ('{"city":"\\u0000"}', "$", "holds \\u0000 or half a surrogate pair in a text"),
        ('{"city":"\\ud800"}', "$", "holds \\u0000 or half a surrogate pair in a text"),
        ('{"\\ud800":1}', "$", "holds \\u0000 or half a surrogate pair in a text"),
        (f'{{"city":"{"é" * 33_000}"}}', "$", "has 66011 bytes; at most 65536 are allowed"),
        ('{"city":' + "[" * 40 + "1" + "]" * 40 + "}", "$", "is nested more than 32 deep"),
        ("[" * 60_000, "$", "is nested more than 32 deep"),
        (json.dumps({"city": list(range(2100))}), "$", "has more than 2000 values"),
    ],
)
def test_a_violation_says_where_and_what_instead(arguments: str, field: str, words: str) -> None:
    assert violations(arguments)[field] == words


def test_brackets_in_texts_nest_nothing() -> None:
    note = tool({"type": "object", "properties": {"text": {"type": "string"}}})

    CHECKER.check(note, json.dumps({"text": '[[[\\"{{{' * 100}))


def test_every_violation_is_named_up_to_a_bound() -> None:
    many = json.dumps({f"unknown_{number}": 1 for number in range(50)})

    with pytest.raises(ToolArgumentsInvalidError) as refusal:
        CHECKER.check(PROBE, many)

    listed = refusal.value.violations
    assert len(listed) == MAX_VIOLATIONS + 1
    assert listed[-1] == Violation("$", "has more violations than these")


def test_no_violation_repeats_the_content() -> None:
    secret = "hunter2-hunter2-hunter2-hunter2"  # noqa: S105 - of nobody
    for content in (secret, [secret], {"x": secret}, 7):
        wrong = json.dumps({"city": content, "days": secret, "unit": secret})

        assert "hunter2" not in str(violations(wrong))


def test_the_name_of_an_unknown_property_is_cut() -> None:
    assert all(len(field) < 100 for field in violations(json.dumps({"x" * 5000: 1})))


@given(st.text())
def test_any_text_is_taken_or_refused(arguments: str) -> None:
    with suppress(ToolArgumentsInvalidError):
        CHECKER.check(PROBE, arguments)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["city", "days", "unit", "places", "when"]), json_values))
def test_any_object_is_taken_or_refused(arguments: dict[str, Json]) -> None:
    with suppress(ToolArgumentsInvalidError):
        CHECKER.check(PROBE, json.dumps(arguments))


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {"type": "objekt"},
        {"$ref": "https://example.org/schema.json"},
        {"properties": {"x": {"$ref": "file:///etc/passwd"}}},
        {"$dynamicRef": "other.json"},
        {"properties": {"x": {"pattern": "(a+)+$"}}},
        {"properties": {"x": {"pattern": "(a|aa)*b"}}},
        {"properties": {"x": {"pattern": "("}}},
        {"patternProperties": {"^(a*)*$": {}}},
        {"allOf": [{"anyOf": [{"pattern": r"(.)\1"}]}]},
    ],
)
def test_a_schema_that_reaches_out_or_takes_any_time_is_refused(schema: Json) -> None:
    with pytest.raises(InvalidArgumentError):
        CHECKER.admit(json.dumps(schema))


@pytest.mark.parametrize("schema", ["", "{", "1" * 70_000])
def test_a_schema_is_bounded_json(schema: str) -> None:
    with pytest.raises(InvalidArgumentError):
        CHECKER.admit(schema)


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"$ref": "#/$defs/nowhere"}])
def test_a_schema_that_never_ends_is_refused_when_it_is_used(schema: Json) -> None:
    with pytest.raises(InvalidArgumentError, match="refers to itself"):
        CHECKER.check(tool(schema), "{}")


def test_references_within_a_schema_are_followed() -> None:
    tree = tool(
        {
            "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}, "type": "object"}},
            "$ref": "#/$defs/node",
        }
    )

    CHECKER.check(tree, '{"next":{"next":{}}}')
    assert violations('{"next":{"next":1}}', tree) == {"$.next.next": "must be object, not number"}


def test_a_text_too_long_for_its_pattern_is_refused_at_once() -> None:
    slow = tool({"properties": {"x": {"pattern": "^a*a*a*a*b$"}}})

    CHECKER.check(slow, '{"x":"aaab"}')
    assert violations(json.dumps({"x": "a" * 30_000}), slow) == {"$.x": "must match ^a*a*a*a*b$"}


def test_patterns_of_names_hold() -> None:
    headers = tool(
        {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}
    )

    CHECKER.check(headers, '{"x-a":"1"}')
    assert violations('{"x-a":1}', headers) == {"$.x-a": "must be string, not number"}
    assert violations('{"y":1}', headers) == {"$.y": "is not known; known are: none"}
