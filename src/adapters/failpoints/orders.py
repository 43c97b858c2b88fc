"""What a server is told to do at a named step, and how that is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

EVERYWHERE: Final = "*"


class Deed(StrEnum):
    """What happens at a point: to the process, to the call, or nothing but a line."""

    KILL = "kill"
    STOP = "stop"
    HANG = "hang"
    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Order:
    """A deed, done once: at so many passes of the point, counted from 1."""

    deed: Deed
    nth: int = 1


class UnknownFailpointError(ValueError):
    """An order names no point, or nothing that can be done there."""


def orders_of(text: str, points: tuple[str, ...]) -> Mapping[str, Order]:
    """Read `journal.finish.before=kill@3, model.stream.first=stop`; `*` stands for every point.

    Raises:
        UnknownFailpointError: With what may stand there.
    """
    found: dict[str, Order] = {}
    for part in text.split(","):
        if part.strip():
            point, _, deed = part.strip().partition("=")
            found |= dict.fromkeys(_named(point, points), _order(deed))
    return found


def _named(point: str, points: tuple[str, ...]) -> Iterator[str]:
    if point == EVERYWHERE:
        yield from points
    elif point in points:
        yield point
    else:
        raise UnknownFailpointError(f"no such point {point}; there are: {', '.join(points)}")


def _order(text: str) -> Order:
    deed, _, nth = text.partition("@")
    known = next((one for one in Deed if one.value == deed), None)
    if known is None or not (nth or "1").isdecimal() or nth == "0":
        deeds = ", ".join(one.value for one in Deed)
        raise UnknownFailpointError(f"{text!r} is no deed; write one of {deeds}, or kill@3")
    return Order(known, int(nth or 1))
