"""Arguments with the idempotency key among them; all else in them stays as it was written."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from application.kernel.ports import Json

_MARK: Final = re.compile(r"[ \t\n\r]*([{}:,]?)[ \t\n\r]*")


def keyed_body(arguments: str, name: str, key: str) -> bytes:
    """The members of a JSON object as they are written, with the key in place of any of its name.

    Nobody else's number is read and written anew: what was approved is what is sent.

    Raises:
        ValueError: The arguments are not a JSON object.
    """
    members = [member for known, member in _members(arguments) if known != name]
    members.append(f"{json.dumps(name)}:{json.dumps(key)}")
    return ("{" + ",".join(members) + "}").encode()


def _members(text: str) -> Iterator[tuple[str, str]]:
    """The name of each member of an object, and the member as it is written."""
    try:
        read: Json = _JSON.decode(text)
    except RecursionError as deep:
        raise ValueError("it is too deep") from deep
    if not isinstance(read, Mapping):
        raise ValueError("it is not an object")  # noqa: TRY004 - a model wrote it, not a caller
    mark, place = _mark(text, 0)
    while read and mark != "}":
        begin = place
        name, place = _JSON.raw_decode(text, begin)
        _, place = _JSON.raw_decode(text, _mark(text, place)[1])
        yield str(name), text[begin:place]
        mark, place = _mark(text, place)


def _mark(text: str, place: int) -> tuple[str, int]:
    """The mark that stands next, and the place of what follows it."""
    found = _MARK.match(text, place)
    return ("", place) if found is None else (found[1], found.end())


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


# Numbers are kept as their text: they may be of any size.
_JSON: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)
