"""Checks a tool's arguments against its JSON Schema 2020-12."""

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, final

from adapters.schema.json_text import UnreadableError, read_json
from adapters.schema.pattern_bound import UnboundedPatternError, longest_text
from adapters.schema.plain_schema import plain_check
from application.kernel.ports import Json
from domain.kernel.errors import InvalidArgumentError, Violation
from domain.tools.errors import ToolArgumentsInvalidError
from domain.tools.tool import Tool

if TYPE_CHECKING:  # it is loaded where it is needed
    from adapters.schema.validator import Validator

MAX_VIOLATIONS: Final = 8
_COMPILED: Final = 512
"""Schemas that are kept compiled."""


@final
class _Compiled:
    """One schema. Where it is plain, only arguments that do not satisfy it need a validator."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        """Raises: InvalidArgumentError: It is no JSON Schema 2020-12."""
        self._schema = schema
        self._validator: Validator | None = None
        self.plain = plain_check(schema)
        if self.plain is None:
            self.validator()

    def validator(self) -> "Validator":
        if self._validator is None:
            from adapters.schema.validator import Validator  # noqa: PLC0415 - see there

            self._validator = Validator(self._schema)
        return self._validator


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
        found = tuple(islice(compiled.validator().violations(value), MAX_VIOLATIONS + 1))
        if found:
            raise ToolArgumentsInvalidError(tool.name, _at_most(found))


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
    _check_parts(read)
    return _Compiled(read)


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
