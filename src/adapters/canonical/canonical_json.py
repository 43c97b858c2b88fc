"""JSON in the canonical form of RFC 8785, and JSON read in any form."""

from collections.abc import Mapping
from typing import Final, cast, final

import orjson
import rfc8785

from application.kernel.ports import Json
from domain.kernel.errors import InvalidArgumentError

_LARGEST: Final = 2**53 - 1
"""The integers that every reader of JSON has exactly."""

_LEAST_PLAIN: Final = 1e-4
_MOST_PLAIN: Final = 1e15


@final
class Rfc8785Json:
    """Canonical by the library of that name, or, where both give the same bytes, by a faster one.

    The faster one sorts keys by code points and writes 1.0 and 1e16 in its own way. So it is asked
    only where all keys are ASCII and every float has a fraction and needs no exponent: there the
    shortest digits that read back as the same number leave no choice.
    """

    def encode(self, value: Json) -> bytes:
        try:
            if _is_plain(value):
                return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
            return rfc8785.dumps(_thawed(value))
        except (
            rfc8785.CanonicalizationError,
            _TooLargeError,
            orjson.JSONEncodeError,
            UnicodeEncodeError,
            RecursionError,
        ) as error:
            raise InvalidArgumentError("json", "it has no canonical form") from error

    def encode_plain(self, value: Json) -> bytes:
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as error:
            raise InvalidArgumentError("json", "it has no canonical form") from error

    def decode(self, data: bytes) -> Json:
        try:
            return cast("Json", orjson.loads(data))
        except orjson.JSONDecodeError as error:
            raise InvalidArgumentError("json", f"it is not JSON: {error}") from error


class _TooLargeError(ValueError):
    """A float that no reader of JSON has exactly."""


def _is_plain(value: object) -> bool:
    """Whether both libraries write the value alike."""
    kind = type(value)
    if isinstance(value, str) or value is None or kind is bool:
        return True
    if kind is int:
        return -_LARGEST <= cast("int", value) <= _LARGEST
    if kind is dict:
        fields = cast("dict[object, object]", value)
        return all(
            type(name) is str and name.isascii() and _is_plain(part)
            for name, part in fields.items()
        )
    if kind is list or kind is tuple:
        return all(_is_plain(part) for part in cast("list[object]", value))
    if kind is float:
        number = cast("float", value)
        return _LEAST_PLAIN <= abs(number) < _MOST_PLAIN and not number.is_integer()
    return False


def _thawed(value: Json) -> Json:
    """The same value in the types that the library knows: of mappings dict alone.

    A float beyond 2**53 is refused as the integer is that it would be read back as.
    """
    if isinstance(value, float) and abs(value) > _LARGEST:
        raise _TooLargeError
    if isinstance(value, Mapping):
        return {name: _thawed(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_thawed(part) for part in value]
    return value
