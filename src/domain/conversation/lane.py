"""The five lanes of a model's context, and how each is cut to its tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Generic, TypeVar

T = TypeVar("T")

BUFFER_MINIMUM: Final = 200
"""Tokens that the buffer lane has at the least, unless a setting says otherwise."""

_WHOLE: Final = 1_000_000
"""Shares are counted in millionths, so that a tenth is exactly a tenth."""


class Lane(StrEnum):
    SYSTEM = "system"
    HISTORY = "history"
    MEMORY = "memory"
    TOOLS = "tools"
    BUFFER = "buffer"


def _shares(
    system: float, history: float, memory: float, tools: float, buffer: float
) -> Mapping[Lane, float]:
    return MappingProxyType(dict(zip(Lane, (system, history, memory, tools, buffer), strict=True)))


LANE_SHARES: Final[tuple[tuple[int, Mapping[Lane, float]], ...]] = (
    (3, _shares(system=0.20, history=0.20, memory=0.20, tools=0.20, buffer=0.20)),
    (6, _shares(system=0.15, history=0.30, memory=0.25, tools=0.20, buffer=0.10)),
    (10, _shares(system=0.10, history=0.35, memory=0.30, tools=0.15, buffer=0.10)),
)
"""The shares of a context, each row for intelligence levels up to its number."""


def lane_shares(intelligence: int) -> Mapping[Lane, float]:
    """The default shares at a level; they add up to one."""
    return next((row for level, row in LANE_SHARES if intelligence <= level), LANE_SHARES[-1][1])


def share_out(
    tokens: int,
    intelligence: int,
    preferences: Mapping[Lane, float] | None = None,
    buffer_minimum: int = BUFFER_MINIMUM,
) -> Mapping[Lane, int]:
    """Share the tokens of a context among its lanes; together they never have more.

    Learned preferences win over the level's shares, lane by lane; one that is not in [0, 1] is
    passed over, and shares that come to more than the whole are scaled down to it. When the
    buffer's share is under its minimum, the other lanes give up the difference in proportion.
    """
    shares = _parts(lane_shares(intelligence), preferences or {})
    whole = max(_WHOLE, sum(shares.values()))
    lanes = {lane: tokens * part // whole for lane, part in shares.items()}
    if lanes[Lane.BUFFER] >= buffer_minimum:
        return lanes
    buffer = min(tokens, buffer_minimum)
    rest = max(1, whole - shares[Lane.BUFFER])
    lanes = {lane: (tokens - buffer) * part // rest for lane, part in shares.items()}
    return {**lanes, Lane.BUFFER: buffer}


def _parts(defaults: Mapping[Lane, float], preferences: Mapping[Lane, float]) -> dict[Lane, int]:
    return {
        lane: round(_WHOLE * (share if 0 <= (share := preferences.get(lane, -1)) <= 1 else default))
        for lane, default in defaults.items()
    }


# Python 3.11 cannot make a frozen, slotted, generic dataclass through a subscript: LaneItem(…), but
# never LaneItem[str](…).
@dataclass(frozen=True, slots=True)
class LaneItem(Generic[T]):
    """Something that takes up tokens of a lane; `relevance` counts where items are kept by it."""

    content: T
    tokens: int
    relevance: float = 0.0


class CutOrder(StrEnum):
    """What goes first when a lane is too full."""

    OLDEST_FIRST = "oldest_first"
    """Items stand from the oldest to the newest."""
    LEAST_RELEVANT_FIRST = "least_relevant_first"
    """Items stand in any order; of two as relevant the later goes first."""


@dataclass(frozen=True, slots=True)
class LaneCut(Generic[T]):
    """What is left of a lane in the order it had, how many items were cut, and the tokens left."""

    kept: tuple[LaneItem[T], ...]
    cut: int
    tokens: int


def cut(items: Sequence[LaneItem[T]], budget: int, order: CutOrder) -> LaneCut[T]:
    """Cut items, in the order given, until the rest fits the budget of tokens.

    Nothing is kept past the first that does not fit: an old message is not worth more for being
    short, and history has no holes.
    """
    if order is CutOrder.OLDEST_FIRST:
        ranked: Sequence[int] = range(len(items) - 1, -1, -1)
    else:
        ranked = sorted(range(len(items)), key=lambda place: -items[place].relevance)
    tokens = 0
    places: list[int] = []
    for place in ranked:
        if tokens + items[place].tokens > budget:
            break
        tokens += items[place].tokens
        places.append(place)
    kept = tuple(items[place] for place in sorted(places))
    return LaneCut(kept, len(items) - len(kept), tokens)
