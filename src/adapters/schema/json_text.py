"""Reads the JSON of a tool's arguments with suspicion."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from application.kernel.ports import Json

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 2000
"""Values and keys in all: some checks take the square of it."""


class UnreadableError(Exception):
    """What is wrong with the text, without repeating it."""


def read_json(text: str) -> Json:
    """Read JSON that means the same to every reader.

    Raises:
        UnreadableError: It is no JSON, repeats a key, or passes a bound.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise UnreadableError(f"has {size} bytes; at most {MAX_BYTES} are allowed")
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise UnreadableError(f"is nested more than {MAX_DEPTH} deep")
    try:
        value: Json = _decode(text)
    except json.JSONDecodeError as broken:
        place = f"line {broken.lineno} column {broken.colno}"
        raise UnreadableError(f"is not valid JSON: {broken.msg} at {place}") from broken
    except ValueError as digits:
        raise UnreadableError("has a number with too many digits") from digits
    _check_values(value)
    return value


def _depth(text: str) -> int:
    """How deep brackets nest outside of texts: found before a reader can overflow its stack."""
    depth = deepest = 0
    in_text = escaped = False
    for letter in text:
        if in_text:
            in_text = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            in_text = True
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Json]]) -> Mapping[str, Json]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise UnreadableError("names a key twice in one object")
    return read


def _refuse(constant: str) -> NoReturn:
    raise UnreadableError(f"holds {constant}, which is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise UnreadableError("has a number beyond every bound")
    return number


def _check_values(value: Json) -> None:
    for count, text in enumerate(_texts(value), 1):
        if count > MAX_VALUES:
            raise UnreadableError(f"has more than {MAX_VALUES} values")
        if "\x00" in text or not (text.isascii() or _is_whole(text)):
            raise UnreadableError("holds \\u0000 or half a surrogate pair in a text")


def _is_whole(text: str) -> bool:
    """Whether no half of a surrogate pair is in a text."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _texts(value: Json) -> Iterator[str]:
    """Every value once: as its text where it is one, else as the empty text; and every key."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case list() as items:
                yield ""
                waiting.extend(items)
            case Mapping() as pairs:
                yield ""
                yield from pairs
                waiting.extend(pairs.values())
            case _:
                yield ""


_decode: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite
).decode
