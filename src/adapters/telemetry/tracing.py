"""Which traces are recorded, and the spans of what has ended: nothing of them on the hot path."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import urandom
from typing import Final, Protocol, final

_TRACEPARENT: Final = re.compile(
    r"00-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
)
_SAMPLED: Final = 1
_RANGE: Final = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A piece of work that is over: when, in nanoseconds since 1970, and what is said of it."""

    name: str
    start: int
    end: int
    failed: str = ""
    facts: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a span stands: in which trace, under which span (0 for none), and whether it serves."""

    trace: int
    span: int
    parent: int = 0
    serves: bool = False


class SpanSink(Protocol):
    def record(self, ended: Ended, place: Place) -> None:
        """Take a span on its way; never fails and never waits."""
        ...


@final
class NoSpans:
    """Where no collector is configured."""

    def record(self, ended: Ended, place: Place) -> None:
        del ended, place


@final
class Tracer:
    """Decides by the parent, else by the ratio; the latter by the trace's identifier.

    A caller that says whether its trace is recorded is obeyed; where none says it, every server
    decides alike.
    """

    def __init__(self, ratio: float, sink: SpanSink) -> None:
        self._bound = round(ratio * _RANGE)
        self._sink = sink

    def begin(self, traceparent: str) -> str:
        """The traceparent of a new piece of work, below the one it came with if that is one."""
        given = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
        if given is None:
            trace = _random(16)
            return f"00-{trace:032x}-{_random(8):016x}-{int(self.samples(trace)):02x}"
        flags = int(given["flags"], 16) & _SAMPLED
        return f"00-{given['trace']}-{_random(8):016x}-{flags:02x}"

    def samples(self, trace: int) -> bool:
        """Whether a trace that nobody has decided on is recorded."""
        return trace % _RANGE < self._bound

    def recorded(self, traceparent: str) -> bool:
        """Whether a traceparent that `begin` gave is of a recorded trace."""
        return traceparent.endswith("1")

    def end(self, ended: Ended, traceparent: str, parent: str = "") -> None:
        """Record the work that `begin` gave this traceparent; `parent` is what it came with."""
        own, above = _TRACEPARENT.fullmatch(traceparent), _TRACEPARENT.fullmatch(parent)
        if own is None:
            return
        place = Place(
            trace=int(own["trace"], 16),
            span=int(own["span"], 16),
            parent=int(above["span"], 16) if above else 0,
            serves=True,
        )
        self._sink.record(ended, place)

    def tree(self, root: Ended, parts: tuple[Ended, ...], *, below: str, otherwise: int) -> None:
        """Record a piece of work with its parts, below what it came with.

        Where it came with nothing it is a trace of its own, with the identifier `otherwise`.
        """
        above = _TRACEPARENT.fullmatch(below)
        trace = int(above["trace"], 16) if above else otherwise
        span = _random(8)
        parent = int(above["span"], 16) if above else 0
        self._sink.record(root, Place(trace=trace, span=span, parent=parent))
        for part in parts:
            self._sink.record(part, Place(trace=trace, span=_random(8), parent=span))


def _random(size: int) -> int:
    """An identifier; 0 is none."""
    return int.from_bytes(urandom(size)) or 1
