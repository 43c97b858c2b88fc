"""Which server fails where, how, and when: from a seed, and the least served step first."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from adapters.failpoints.catalogue import POINTS
from adapters.failpoints.orders import Deed

AT_RANDOM: Final = "at random"
"""Kills that are ordered between the steps, wherever the process happens to be."""

ENOUGH: Final = 5
"""Kills at each step after which a long run has shown what it is to show."""

HARMS: Final = (Deed.STOP, Deed.HANG, Deed.ERROR)
"""What is done at a point besides kills."""

ORPHANS: Final = ("leases.take_over", "journal.take_on", "effects.take_over", "tools.status")
"""Calls that a server makes for what another one left."""

SOONER: Final[Sequence[tuple[tuple[str, ...], Mapping[str, object]]]] = (
    (
        (*ORPHANS, "leases.decided", "effects.expire", "budgets.release_expired"),
        {"turns__sweep_interval_seconds": 0.1},
    ),
    (("warnings.",), {"budgets__warning_interval_seconds": 0.05}),
    (("books.",), {"reconciliation__interval_seconds": 0.05}),
    # It is to be in the middle of a pass whenever it is told to stop.
    (("books.give_back",), {"reconciliation__interval_seconds": 0.01}),
    (("retention.", "partitions."), {"retention__interval_seconds": 0.1}),
)
"""Calls that begin with a look at what there is to do, and how often the doomed server looks."""

_RANDOM_SHARE: Final = 0.04
"""These alone fall where no point is."""

_HARM_SHARE: Final = 0.05
_MOST_PASSES: Final = 3

_MISS: Final = 0.5
"""What a miss counts, so that a step that is hard to reach leaves time for the others."""


@dataclass(frozen=True, slots=True)
class Doom:
    """What a server is started for: to fail at a point, or at a moment that nobody knows."""

    point: str = AT_RANDOM
    nth: int = 1
    deed: Deed = Deed.KILL

    @property
    def takes_over(self) -> bool:
        """Whether its point is passed by whoever takes on what a dead server left."""
        return self.point.startswith(ORPHANS)

    @property
    def settings(self) -> Mapping[str, object]:
        """What its server is started with. One that is to find something looks more often."""
        found: dict[str, object] = {"laboratory__failpoints": self.orders}
        for calls, sooner in SOONER:
            found |= sooner if self.point.startswith(calls) else {}
        return found

    @property
    def orders(self) -> str:
        return "" if self.point == AT_RANDOM else f"{self.point}={self.deed.value}@{self.nth}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A point to be passed, at the place whose server waits there for its end; or anywhere."""

    point: str
    place: int | None = None


@dataclass(slots=True, kw_only=True)
class Plan:
    """The kills so far, and what each server that runs now is meant to die of.

    The first `steady` places are spared. `asked` are points that clients should pass besides.
    `waiting` are the places whose doomed servers serve, and `victims` those whose servers are
    killed first, so that the one at the former place has something to take over. `harms` are the
    deeds that are ordered now and then besides kills, and `harmed` those that were done.
    """

    chance: Random
    points: tuple[str, ...] = POINTS
    steady: int = 0
    harms: Sequence[Deed] = ()
    asked: Callable[[], Iterable[str]] = tuple
    kills: Counter[str] = field(default_factory=Counter[str])
    misses: Counter[str] = field(default_factory=Counter[str])
    harmed: Counter[tuple[str, Deed]] = field(default_factory=Counter[tuple[str, Deed]])
    doomed: dict[int, Doom] = field(default_factory=dict[int, Doom])
    waiting: set[int] = field(default_factory=set[int])
    victims: dict[int, int] = field(default_factory=dict[int, int])

    def next(self, place: int) -> Doom:
        """The doom of the server that starts now at a place."""
        self.released(place)
        self.doomed[place] = self._chosen()
        return self.doomed[place]

    def ready(self, place: int) -> None:
        """The server at a place serves, and waits for its end."""
        self.waiting.add(place)

    def released(self, place: int) -> None:
        """Nobody at a place waits for an end any more."""
        self.waiting.discard(place)
        self.victims.pop(place, None)
        self.doomed.pop(place, None)

    def _chosen(self) -> Doom:
        chance = self.chance.random()
        if not self.points or chance < _RANDOM_SHARE:
            return Doom()
        if self.harms and chance < _RANDOM_SHARE + _HARM_SHARE:
            return self._harm()
        point = self._least_killed()
        often = self.kills[point] >= _MOST_PASSES
        return Doom(point, self.chance.randint(1, _MOST_PASSES) if often else 1)

    def _harm(self) -> Doom:
        chosen = [(point, deed) for point in self.points for deed in self.harms]
        least = min(self.harmed[one] for one in chosen)
        point, deed = self.chance.choice([one for one in chosen if self.harmed[one] == least])
        return Doom(point, deed=deed)

    def _least_killed(self) -> str:
        running = Counter(doom.point for doom in self.doomed.values() if doom.deed is Deed.KILL)

        def kills(point: str) -> int:
            return self.kills[point] + running[point]

        def served(point: str) -> float:
            return kills(point) + self.misses[point] * _MISS

        short = [point for point in self.points if kills(point) < ENOUGH] or self.points
        least = min(served(point) for point in short)
        return self.chance.choice([point for point in short if served(point) <= least])

    def killed(self, point: str) -> None:
        self.kills[point] += 1

    def did(self, doom: Doom) -> None:
        """What was ordered besides a kill has happened."""
        self.harmed[doom.point, doom.deed] += 1

    def missed(self, doom: Doom) -> None:
        """A server lived too long without passing its point."""
        if doom.point != AT_RANDOM and doom.deed is Deed.KILL:
            self.misses[doom.point] += 1

    def wanted(self) -> Iterator[Wanted]:
        """The points that clients should pass now."""
        for place in sorted(self.waiting):
            if (point := self.doomed[place].point) != AT_RANDOM:
                yield Wanted(point, self.victims.get(place, place))
        for point in self.asked():
            yield Wanted(point)

    def below(self, times: int) -> list[str]:
        """Points that were killed at less often."""
        return [point for point in self.points if self.kills[point] < times]
