"""The whole of JSON Schema 2020-12, with bounds on what a pattern may cost.

Imported for the first schema that is not plain, or that arguments do not satisfy: the libraries
behind it take 4 MB.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final, Protocol, cast, final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend  # pyright: ignore[reportUnknownVariableType]  untyped in its stub
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import SchemaRegistry

from adapters.schema.pattern_bound import longest_text
from adapters.schema.violation_words import violations_of
from application.kernel.ports import Json
from domain.kernel.errors import InvalidArgumentError, Violation

_PATTERNS: Final = 2048
"""Patterns whose bounds are kept."""

_NOTHING_ELSE: Final[SchemaRegistry] = Registry()
"""Knows no document, and fetches none."""


class _Errors(Protocol):
    def iter_errors(self, instance: Json, /) -> Iterator[ValidationError]: ...


@final
class Validator:
    """One schema, which is a valid one and refers to no other document."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        """Raises: InvalidArgumentError: It is no JSON Schema 2020-12."""
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as broken:
            words = (
                f"is no JSON Schema 2020-12: {broken.json_path} does not satisfy {broken.validator}"
            )
            raise InvalidArgumentError("schema", words) from broken
        self._errors = cast("_Errors", _BoundedValidator(schema, registry=_NOTHING_ELSE))

    def violations(self, value: Json) -> Iterator[Violation]:
        """What is wrong with a value, as far as it is asked for.

        Raises:
            InvalidArgumentError: The schema cannot be followed for this value.
        """
        try:
            for error in self._errors.iter_errors(value):
                yield from violations_of(error)
        except (RecursionError, Unresolvable) as endless:
            words = "it refers to itself without end, or to nothing"
            raise InvalidArgumentError("schema", words) from endless


_longest_text: Final = lru_cache(maxsize=_PATTERNS)(longest_text)


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
