"""Arguments that surely satisfy a plain schema, found without a walk through the schema.

Most tools take an object of texts and numbers, and most calls satisfy its schema. Whatever else a
schema says, and whatever is not surely right, is left to the validator, which also tells what is
wrong.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from adapters.schema.pattern_bound import longest_text
from application.kernel.ports import Json

Check: TypeAlias = Callable[[Json], bool]
"""True when a value surely satisfies; False says nothing."""

_WORDS: Final = frozenset({"$schema", "$comment", "title", "description"})
_OBJECT: Final = frozenset({"type", "properties", "required", "additionalProperties"}) | _WORDS


def plain_check(schema: Mapping[str, Json]) -> Check | None:
    """The check of a plain object's schema; None where it is not plain, or no schema at all."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    others = schema.get("additionalProperties", True)
    if (
        schema.get("type") != "object"
        or not schema.keys() <= _OBJECT
        or not isinstance(properties, Mapping)
        or not isinstance(others, bool)
        or (names := _names(required)) is None
        or not _has_words(schema)
    ):
        return None
    known: dict[str, tuple[Check, ...]] = {}
    for name, below in properties.items():
        checks = _value_checks(below)
        if checks is None:
            return None
        known[name] = checks
    return _object_check(known, names, others=others)


def _object_check(
    known: Mapping[str, tuple[Check, ...]], required: frozenset[str], *, others: bool
) -> Check:
    unknown: tuple[Check, ...] = () if others else (_never,)

    def check(value: Json) -> bool:
        if not isinstance(value, Mapping) or not required <= value.keys():
            return False
        for name, part in value.items():
            for satisfied in known.get(name, unknown):
                if not satisfied(part):
                    return False
        return True

    return check


def _value_checks(schema: Json) -> tuple[Check, ...] | None:
    """Its type's check comes first: the others take for granted that it holds."""
    if not isinstance(schema, Mapping):
        return None
    kind = schema.get("type")
    kinds = _KINDS.get(kind) if isinstance(kind, str) else None
    if kinds is None or not _has_words(schema):
        return None
    is_of_kind, keywords = kinds
    checks = [is_of_kind]
    for keyword in schema.keys() - _WORDS - {"type"}:
        made = keywords.get(keyword, _unknown)(schema[keyword])
        if made is None:
            return None
        checks.append(made)
    return tuple(checks)


def _has_words(schema: Mapping[str, Json]) -> bool:
    return all(isinstance(schema.get(word, ""), str) for word in _WORDS)


def _names(listed: Json) -> frozenset[str] | None:
    """The texts of a list in which each stands once."""
    names = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else None
    if names is None or not isinstance(listed, list) or len(set(names)) < len(listed):
        return None
    return frozenset(names)


def _never(_: Json) -> bool:
    return False


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_integer(value: Json) -> bool:
    return type(value) is int  # a boolean is one to Python, and none to JSON


def _is_number(value: Json) -> bool:
    return type(value) is int or type(value) is float


def _is_boolean(value: Json) -> bool:
    return isinstance(value, bool)


def _unknown(_: Json) -> Check | None:
    return None


def _at_least(bound: Json) -> Check | None:
    lowest = _number(bound)
    return None if lowest is None else lambda value: _amount(value) >= lowest


def _at_most(bound: Json) -> Check | None:
    highest = _number(bound)
    return None if highest is None else lambda value: _amount(value) <= highest


def _no_shorter(bound: Json) -> Check | None:
    fewest = _count(bound)
    return None if fewest is None else lambda value: len(str(value)) >= fewest


def _no_longer(bound: Json) -> Check | None:
    most = _count(bound)
    return None if most is None else lambda value: len(str(value)) <= most


def _one_of(allowed: Json) -> Check | None:
    names = _names(allowed)
    return None if names is None else names.__contains__


def _matching(pattern: Json) -> Check | None:
    if not isinstance(pattern, str):
        return None
    search, longest = re.compile(pattern).search, longest_text(pattern)
    return lambda value: len(str(value)) <= longest and search(str(value)) is not None


def _number(bound: Json) -> float | None:
    return bound if isinstance(bound, int | float) and not isinstance(bound, bool) else None


def _count(bound: Json) -> int | None:
    return bound if type(bound) is int and bound >= 0 else None


def _amount(value: Json) -> float:
    return value if isinstance(value, int | float) else float("nan")


_Making: TypeAlias = Callable[[Json], Check | None]

_BOUNDS: Final[Mapping[str, _Making]] = {"minimum": _at_least, "maximum": _at_most}
_TEXTS: Final[Mapping[str, _Making]] = {
    "minLength": _no_shorter,
    "maxLength": _no_longer,
    "enum": _one_of,
    "pattern": _matching,
}
_KINDS: Final[Mapping[str, tuple[Check, Mapping[str, _Making]]]] = {
    "string": (_is_text, _TEXTS),
    "integer": (_is_integer, _BOUNDS),
    "number": (_is_number, _BOUNDS),
    "boolean": (_is_boolean, {}),
}
