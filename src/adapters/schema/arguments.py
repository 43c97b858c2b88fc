"""Checks a tool's arguments against its JSON Schema 2020-12."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, Protocol, cast, final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend  # pyright: ignore[reportUnknownVariableType]  untyped in its stub
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import SchemaRegistry

from adapters.schema.json_text import UnreadableError, read_json
from adapters.schema.pattern_bound import UnboundedPatternError, longest_text
from adapters.schema.plain_schema import Check, plain_check
from adapters.schema.violation_words import violations_of
from application.kernel.ports import Json
from domain.kernel.errors import InvalidArgumentError, Violation
from domain.tools.errors import ToolArgumentsInvalidError
from domain.tools.tool import Tool

MAX_VIOLATIONS: Final = 8
_COMPILED: Final = 512
"""Schemas that are kept compiled."""

_NOTHING_ELSE: Final[SchemaRegistry] = Registry()
"""Knows no document, and fetches none."""


class _Validator(Protocol):
    def iter_errors(self, instance: Json, /) -> Iterator[ValidationError]: ...


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A schema's validator; and, where it is a plain one, what finds right arguments sooner."""

    validator: _Validator
    plain: Check | None


@final
class JsonSchemaArguments:
    """An `ArgumentChecker`. Each schema is compiled once."""

    def __init__(self) -> None:
        self._compiled = lru_cache(maxsize=_COMPILED)(_compile)

    def admit(self, schema: str) -> None:
        """Refuse a schema that no tool may have.

        Raises:
            InvalidArgumentError: It is no JSON Schema 2020-12 of an object, refers to another
                document, or has a pattern whose time has no bound.
        """
        self._compiled(schema)

    def check(self, tool: Tool, arguments: str) -> None:
        """Check JSON text against the tool's schema.

        Raises:
            ToolArgumentsInvalidError: With every violation, at most `MAX_VIOLATIONS` of them.
            InvalidArgumentError: The tool's own schema is none.
        """
        compiled = self._compiled(tool.schema)
        try:
            value = read_json(arguments)
        except UnreadableError as unreadable:
            raise ToolArgumentsInvalidError(
                tool.name, (Violation("$", str(unreadable)),)
            ) from unreadable
        if not isinstance(value, Mapping):
            violation = Violation("$", "must be a JSON object")
            raise ToolArgumentsInvalidError(tool.name, (violation,))
        if compiled.plain is not None and compiled.plain(value):
            return
        try:
            found = tuple(islice(_violations(compiled.validator, value), MAX_VIOLATIONS + 1))
        except (RecursionError, Unresolvable) as endless:
            raise InvalidArgumentError(
                "schema", f"the schema of {tool.name} refers to itself without end, or to nothing"
            ) from endless
        if found:
            raise ToolArgumentsInvalidError(tool.name, _at_most(found))


def _violations(validator: _Validator, value: Json) -> Iterator[Violation]:
    for error in validator.iter_errors(value):
        yield from violations_of(error)


def _at_most(found: tuple[Violation, ...]) -> tuple[Violation, ...]:
    if len(found) <= MAX_VIOLATIONS:
        return found
    return (*found[:MAX_VIOLATIONS], Violation("$", "has more violations than these"))


def _compile(schema: str) -> _Compiled:
    try:
        read = read_json(schema)
    except UnreadableError as unreadable:
        raise InvalidArgumentError("schema", str(unreadable)) from unreadable
    if not isinstance(read, Mapping):
        raise InvalidArgumentError("schema", "must be a JSON object")
    try:
        Draft202012Validator.check_schema(read)
    except SchemaError as broken:
        words = f"is no JSON Schema 2020-12: {broken.json_path} does not satisfy {broken.validator}"
        raise InvalidArgumentError("schema", words) from broken
    _check_parts(read)
    validator = cast("_Validator", _BoundedValidator(read, registry=_NOTHING_ELSE))
    return _Compiled(validator, plain_check(read))


def _check_parts(schema: Json) -> None:
    """Refuse references to other documents and patterns without a bound, wherever they stand."""
    waiting: list[Json] = [schema]
    while waiting:
        match waiting.pop():
            case list() as items:
                waiting.extend(items)
            case Mapping() as pairs:
                _check_pairs(pairs)
                waiting.extend(pairs.values())
            case _:
                pass


def _check_pairs(pairs: Mapping[str, Json]) -> None:
    for keyword in ("$ref", "$dynamicRef"):
        reference = pairs.get(keyword)
        if isinstance(reference, str) and not reference.startswith("#"):
            raise InvalidArgumentError("schema", f"{keyword} must not leave the document")
    patterns = pairs.get("patternProperties")
    named = list(patterns) if isinstance(patterns, Mapping) else []
    pattern = pairs.get("pattern")
    try:
        for one in [*named, pattern]:
            if isinstance(one, str):
                longest_text(one)
    except UnboundedPatternError as unbounded:
        raise InvalidArgumentError("schema", str(unbounded)) from unbounded


_longest_text = lru_cache(maxsize=4 * _COMPILED)(longest_text)


def _pattern(
    _validator: Draft202012Validator, pattern: str, instance: Json, _schema: Json
) -> Iterator[ValidationError]:
    """The keyword `pattern`, for texts that are short enough to be compared with it."""
    if not isinstance(instance, str):
        return
    if len(instance) > _longest_text(pattern) or not re.search(pattern, instance):
        yield ValidationError(f"does not match {pattern}")


def _pattern_properties(
    validator: Draft202012Validator,
    patterns: Mapping[str, Mapping[str, Json]],
    instance: Json,
    _schema: Json,
) -> Iterator[ValidationError]:
    """The keyword `patternProperties`; a name too long to be compared matches none."""
    if not isinstance(instance, Mapping):
        return
    for pattern, below in patterns.items():
        for name, value in instance.items():
            if len(name) <= _longest_text(pattern) and re.search(pattern, name):
                yield from validator.descend(  # pyright: ignore[reportUnknownMemberType]  its stub
                    value, below, path=name, schema_path=pattern
                )


# The library's own types stop here.
_extend: Final = cast(
    "Callable[[type[Draft202012Validator], Mapping[str, object]], type[Draft202012Validator]]",
    extend,
)
_BoundedValidator: Final = _extend(
    Draft202012Validator, {"pattern": _pattern, "patternProperties": _pattern_properties}
)
