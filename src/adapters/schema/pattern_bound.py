"""How long a text may be compared with a regular expression, so that the time is bounded.

Python's matcher backtracks: what a pattern can repeat in several ways costs the text's length to
the power of the repetitions. A pattern that nests unbounded repetitions costs exponentially, and is
refused; for the others the length is limited instead.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_PATTERN: Final = 512
_STEPS: Final = 4_000_000
"""Steps of the matcher that are allowed: some tens of milliseconds."""

_MAX_DEGREE: Final = 12
_MAX_LENGTH: Final = 64 * 1024

_TOKEN: Final = re.compile(
    r"(?P<escape>\\.)|(?P<klass>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<open>\((?P<special>\?:|\?)?)"
    r"|(?P<close>\))|(?P<bar>\|)|(?P<times>[*+?]\??|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}\??)"
    r"|(?P<other>.)",
    re.DOTALL,
)


class UnboundedPatternError(Exception):
    """The pattern could take any time, or is none that is understood here."""


@dataclass(slots=True)
class _Group:
    """What was read of a group: how many of its parts vary in length, and whether it branches."""

    degree: int = 0
    last: int = 0
    branches: bool = False
    last_branches: bool = False


def longest_text(pattern: str) -> int:
    """The most characters that may be compared with a pattern.

    Raises:
        UnboundedPatternError: No length is short enough, or it is too long itself.
    """
    if len(pattern) > MAX_PATTERN:
        raise UnboundedPatternError(f"a pattern has more than {MAX_PATTERN} characters")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as broken:
        raise UnboundedPatternError(f"a pattern cannot be read: {broken}") from broken
    degree = _degree(pattern)
    if not pattern.startswith("^"):
        degree += 1
    if degree > _MAX_DEGREE:
        raise UnboundedPatternError("a pattern repeats too much; begin it with ^ and repeat less")
    return min(_MAX_LENGTH, int(_STEPS ** (1 / max(1, degree))))


def _degree(pattern: str) -> int:
    groups = [_Group()]
    for token in _TOKEN.finditer(pattern):
        match token.lastgroup:
            case "open" | "special":
                if token["special"] == "?":
                    raise UnboundedPatternError("a pattern looks around or names its groups")
                groups.append(_Group())
            case "close":
                inner = groups.pop()
                _add(groups[-1], inner.degree, branches=inner.branches)
            case "bar":
                groups[-1].branches = True
                groups[-1].last = 0
            case "times" | "least" | "comma" | "most":
                _repeat(groups[-1], token)
            case "escape" if token[0][1].isdigit():
                raise UnboundedPatternError("a pattern refers back to a group")
            case _:
                _add(groups[-1], 0, branches=False)
    return groups[0].degree


def _add(group: _Group, degree: int, *, branches: bool) -> None:
    group.degree += degree
    group.last = degree
    group.last_branches = branches


def _repeat(group: _Group, token: re.Match[str]) -> None:
    """Count a repetition of what was read last; more than one way to repeat multiplies."""
    least, most = _bounds(token)
    varies = group.last > 0 or group.last_branches
    if varies and most is None:
        raise UnboundedPatternError("a pattern repeats without end what repeats or branches")
    added = group.last * ((most or 1) - 1) if varies else 0
    if group.last_branches:
        added += most or 1
    if least != most:
        added += 1
    group.degree += added
    group.last += added


def _bounds(token: re.Match[str]) -> tuple[int, int | None]:
    sign = token["times"]
    if sign[0] in "*+?":
        return (1 if sign[0] == "+" else 0), (1 if sign[0] == "?" else None)
    least = int(token["least"] or "0")
    if not token["comma"]:
        return least, least
    return least, int(token["most"]) if token["most"] else None
