"""Capsule files: what is read, and what is refused before it can do harm."""

import contextlib
import json
from typing import cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adapters.capsule_files.capsule_files import LARGEST, YamlCapsuleFiles, read_capsule
from application.kernel.ports import Json
from domain.capsule.errors import CapsuleMalformedError

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | texts,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(texts, parts, max_size=4),
    max_leaves=12,
)

LAUGHS = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
    "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: 0.50", {"a": 0.5}),
        ("a: 1.0.0", {"a": "1.0.0"}),
        ("a: 010", {"a": 10}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 0x10", {"a": "0x10"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: yes", {"a": "yes"}),
        ("on: off", {"on": "off"}),
        ("a: 2026-11-21", {"a": "2026-11-21"}),
        ("a: .inf", {"a": ".inf"}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 'null'", {"a": "null"}),
        ('a: "1"', {"a": "1"}),
        ("a: true", {"a": True}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("- 1\n- [2, {b: c}]", [1, [2, {"b": "c"}]]),
        ("{a: 1}", {"a": 1}),
        ('{"a": "\\ud83d\\ude00", "b": [1.5, null]}', {"a": "\U0001f600", "b": [1.5, None]}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("99999999999999999999999", 10**23 - 1),
        ("9" * 41, "9" * 41),
    ],
)
def test_a_value_is_what_is_written(text: str, value: Json) -> None:
    assert read_capsule(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "a: 1\na: 2",
        "a: {b: 1, b: 2}",
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        LAUGHS,
        "a: &x 1",
        "a: *x",
        "a: !!python/object/apply:os.system [ls]",
        "a: !!str 1",
        "!x a",
        "<<: {a: 1}",
        "1: a",
        "true: a",
        "? [a]\n: b",
        "a: 1\n---\nb: 2",
        "a: [1",
        "a: '1",
        "a: \t- b\n c",
        "a: \x00",
        "a: \ud800",
        "[" * 100,
        "{" * 100_000,
        "- " * 1000,
        "x" * (LARGEST + 1),
        "é" * (LARGEST // 2 + 1),
    ],
    ids=range(27),
)
def test_what_is_ambiguous_or_harmful_is_refused(text: str) -> None:
    with pytest.raises(CapsuleMalformedError) as refusal:
        read_capsule(text)

    assert len(str(refusal.value)) < 500


def test_a_refusal_says_where() -> None:
    with pytest.raises(CapsuleMalformedError, match="line 3, column 1: the key 'a'"):
        read_capsule("a: 1\nb: 2\na: 3\n")


@given(values)
def test_what_json_writes_is_read_as_it_was(value: object) -> None:
    text = json.dumps({"value": value})

    assert read_capsule(text) == {"value": value}


@given(values)
def test_what_yaml_writes_is_read_as_it_was(value: object) -> None:
    text = yaml.safe_dump({"value": value}, allow_unicode=True, default_style='"')
    written = YamlCapsuleFiles().write(cast("Json", {"value": value}))

    assert read_capsule(written) == {"value": value}
    assert isinstance(text, str)


@given(st.text(max_size=200))
def test_nothing_but_a_refusal_comes_of_anything(text: str) -> None:
    with contextlib.suppress(CapsuleMalformedError):
        read_capsule(text)


async def test_a_large_file_is_read_as_a_small_one() -> None:
    lines = "\n".join(f"key{number}: value" for number in range(5_000))

    read = await YamlCapsuleFiles().read(lines)

    assert isinstance(read, dict)
    assert len(read) == 5_000
