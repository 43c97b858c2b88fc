"""Which server dies where, and when: from a seed, and the least killed step first."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from adapters.failpoints.catalogue import POINTS

AT_RANDOM: Final = "at random"
"""Kills between the steps, wherever the process happens to be."""

_RANDOM_SHARE: Final = 0.06
_MOST_PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class Doom:
    """What a server is started for: to die at a point, or at a moment that nobody knows."""

    point: str = AT_RANDOM
    nth: int = 1

    @property
    def orders(self) -> str:
        return "" if self.point == AT_RANDOM else f"{self.point}=kill@{self.nth}"


@dataclass(slots=True, kw_only=True)
class Plan:
    """The kills so far, and what each server that runs now is meant to die of.

    The first `steady` places are spared. `asked` are points that clients should pass besides.
    """

    chance: Random
    points: tuple[str, ...] = POINTS
    steady: int = 0
    asked: Callable[[], Iterable[str]] = tuple
    kills: Counter[str] = field(default_factory=Counter[str])
    misses: Counter[str] = field(default_factory=Counter[str])
    doomed: dict[int, Doom] = field(default_factory=dict[int, Doom])

    def next(self, place: int) -> Doom:
        """The doom of the server that starts now at a place."""
        self.doomed.pop(place, None)
        if not self.points or self.chance.random() < _RANDOM_SHARE:
            doom = Doom()
        else:
            point = self._least_served()
            often = self.kills[point] >= _MOST_PASSES
            doom = Doom(point, self.chance.randint(1, _MOST_PASSES) if often else 1)
        self.doomed[place] = doom
        return doom

    def _least_served(self) -> str:
        running = [doom.point for doom in self.doomed.values()]

        def served(point: str) -> float:
            return self.kills[point] + self.misses[point] / 2 + running.count(point)

        least = min(served(point) for point in self.points)
        return self.chance.choice([point for point in self.points if served(point) <= least])

    def killed(self, point: str) -> None:
        self.kills[point] += 1

    def missed(self, point: str) -> None:
        """A server lived too long without passing its point."""
        if point != AT_RANDOM:
            self.misses[point] += 1

    def wanted(self) -> Iterable[str]:
        """The points that clients should pass now."""
        doomed = [doom.point for doom in self.doomed.values() if doom.point != AT_RANDOM]
        return [*doomed, *self.asked()]

    def never(self, times: int) -> list[str]:
        """Points that were not killed at so many times."""
        return [point for point in self.points if self.kills[point] < times]
