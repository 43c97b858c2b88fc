"""Names that stand in an order, lowest first."""

from enum import StrEnum


class Rank(StrEnum):
    """Text whose order is that of its definition, not of its spelling.

    `Plan.FREE < Plan.ENTERPRISE`, though as text "enterprise" comes first. Comparing the members of
    two different ranks, or a rank with a text that is not one of its names, is a ValueError. `rank`
    counts from 0, the lowest.
    """

    rank: int

    def __init__(self, *_: object) -> None:
        self.rank = len(type(self).__members__)

    def __lt__(self, other: str, /) -> bool:
        return self.rank < type(self)(other).rank

    def __le__(self, other: str, /) -> bool:
        return self.rank <= type(self)(other).rank

    def __gt__(self, other: str, /) -> bool:
        return self.rank > type(self)(other).rank

    def __ge__(self, other: str, /) -> bool:
        return self.rank >= type(self)(other).rank
