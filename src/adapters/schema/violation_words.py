"""Says what is wrong with arguments in words that a model can repair them from.

Nothing of the arguments' content is repeated: violations go onto the wire and into logs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

import orjson
from jsonschema.exceptions import ValidationError

from application.kernel.ports import Json
from domain.kernel.errors import Violation

_MAX_NAME: Final = 64
_MAX_WORDS: Final = 300


def violations_of(error: ValidationError) -> Iterator[Violation]:
    """One violation as a rule; one for each property where several are missing or unknown."""
    place = path_of(error.absolute_path)
    wanted, found = cast("Json", error.validator_value), cast("Json", error.instance)
    match error.validator:
        case "required":
            name = error.message.split("'", 2)[1]
            yield Violation(_below(place, name), "is required")
        case "additionalProperties" | "unevaluatedProperties" if isinstance(found, Mapping):
            known = _properties(cast("Json", error.schema))
            for name in found:
                if name not in known:
                    listed = ", ".join(known) or "none"
                    words = _short(f"is not known; known are: {listed}")
                    yield Violation(_below(place, name), words)
        case str() as keyword if keyword in _WORDS:
            yield Violation(place, _short(_WORDS[keyword](wanted, found)))
        case keyword:
            yield Violation(place, _short(f"does not satisfy the schema's {keyword}"))


def path_of(path: Iterable[str | int]) -> str:
    """A JSON path from the root `$`."""
    place = "$"
    for part in path:
        place = f"{place}[{part}]" if isinstance(part, int) else _below(place, part)
    return place


def _below(place: str, name: str) -> str:
    short = name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…"
    if short.isascii() and short.replace("-", "_").isidentifier():
        return f"{place}.{short}"
    return f"{place}[{orjson.dumps(short).decode()}]"


def _short(words: str) -> str:
    return words if len(words) <= _MAX_WORDS else f"{words[:_MAX_WORDS]}…"


def _properties(schema: Json) -> tuple[str, ...]:
    known = schema.get("properties") if isinstance(schema, Mapping) else None
    return tuple(known) if isinstance(known, Mapping) else ()


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def _type(wanted: Json, found: Json) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    listed = " or ".join(str(name) for name in names) if isinstance(names, list) else "another"
    kind = _kind(found)
    if kind == "number" and listed == "integer":
        return "must be integer, without decimals"
    return f"must be {listed}, not {kind}"


def _choice(wanted: Json, _found: Json) -> str:
    listed = wanted if isinstance(wanted, list) else [wanted]
    return f"must be one of {', '.join(orjson.dumps(one).decode() for one in listed)}"


def _length(found: Json) -> int:
    return len(found) if isinstance(found, str | Sequence | Mapping) else 0


_WORDS: Final[Mapping[str, Callable[[Json, Json], str]]] = MappingProxyType(
    {
        "type": _type,
        "enum": _choice,
        "const": _choice,
        "pattern": lambda wanted, _: f"must match {wanted}",
        "minLength": lambda wanted, _: f"must have at least {wanted} characters",
        "maxLength": lambda wanted, found: f"has {_length(found)} characters; at most {wanted}",
        "minimum": lambda wanted, _: f"must be at least {wanted}",
        "maximum": lambda wanted, _: f"must be at most {wanted}",
        "exclusiveMinimum": lambda wanted, _: f"must be more than {wanted}",
        "exclusiveMaximum": lambda wanted, _: f"must be less than {wanted}",
        "multipleOf": lambda wanted, _: f"must be a multiple of {wanted}",
        "minItems": lambda wanted, found: f"has {_length(found)} items; at least {wanted}",
        "maxItems": lambda wanted, found: f"has {_length(found)} items; at most {wanted}",
        "uniqueItems": lambda _, __: "must not hold the same item twice",
        "minProperties": lambda wanted, _: f"must have at least {wanted} properties",
        "maxProperties": lambda wanted, _: f"must have at most {wanted} properties",
        "anyOf": lambda _, __: "fits none of the forms that the schema allows",
        "oneOf": lambda _, __: "must fit exactly one of the forms that the schema allows",
        "not": lambda _, __: "has a form that the schema excludes",
    }
)
