"""Canonical JSON: the bytes of RFC 8785, whichever library writes them."""

from types import MappingProxyType
from typing import cast

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from adapters.canonical.canonical_json import Rfc8785Json
from application.kernel.ports import Json
from domain.kernel.errors import InvalidArgumentError

CANONICAL = Rfc8785Json()

FROZEN = MappingProxyType({"a": (1, MappingProxyType({"b": 0.5}))})

scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
values = st.recursive(
    scalars,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.dictionaries(names, parts, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=4), parts, max_size=4)
    ),
    max_leaves=10,
)
plain_numbers = st.floats(min_value=1e-4, max_value=1e15).filter(
    lambda number: not number.is_integer()
)


@given(values)
def test_the_bytes_are_those_of_the_reference(value: object) -> None:
    assert CANONICAL.encode(cast("Json", value)) == rfc8785.dumps(cast("Json", value))


@given(plain_numbers, st.sampled_from((1, -1)))
def test_plain_numbers_have_the_same_digits_in_both(number: float, sign: int) -> None:
    signed = sign * number

    assert CANONICAL.encode(signed) == rfc8785.dumps(signed)


@given(st.text(st.characters(max_codepoint=0x100)))
def test_every_character_is_escaped_alike(text: str) -> None:
    assert CANONICAL.encode({"a": text}) == rfc8785.dumps({"a": text})


@given(values)
def test_what_was_written_is_read_back_to_the_same_bytes(value: object) -> None:
    encoded = CANONICAL.encode(cast("Json", value))

    assert CANONICAL.encode(CANONICAL.decode(encoded)) == encoded


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),
        ([1.0, 1e-7, 0.3, -0.0, 1e15], "[1,1e-7,0.3,0,1000000000000000]"),
        (FROZEN, '{"a":[1,{"b":0.5}]}'),
        ({"a": '\x00\x1f\x7f\n\\"'}, '{"a":"\\u0000\\u001f\x7f\\n\\\\\\""}'),
    ],
)
def test_known_values_have_known_bytes(value: Json, encoded: str) -> None:
    assert CANONICAL.encode(value) == encoded.encode()


def nested(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        1e16,
        2**80,
        "\ud800",
        {"\ud800": 1},
        {"a": ["\udfff"]},
        nested(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_canonical_form_is_refused(value: Json) -> None:
    with pytest.raises(InvalidArgumentError):
        CANONICAL.encode(value)


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"\xff", b"[" * 100_000, b'{"a":1}{', b"'a'"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgumentError):
        CANONICAL.decode(data)
