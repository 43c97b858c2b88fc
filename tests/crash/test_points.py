"""Every point that there is, is passed by what the laboratory's clients do."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.place import deeds_in
from tests.crash.runs import judge, kill, run

ORPHANING = (
    "effects.decide.after",
    "journal.resume.before",
    "tools.run.after",
    "tools.run.before",
)
"""Where one server dies so that another one has something to take over."""

STOP_SECONDS = 6.0


async def kill_and_stop(lab: Laboratory) -> None:
    """One server dies again and again; the first one is told to stop, once there is load."""
    await kill(lab)
    await asyncio.sleep(STOP_SECONDS)
    noting = lab.fleet.places[0].service
    if noting is not None:
        lab.fleet.leave(noting)


@dataclass(slots=True)
class Passed:
    """The points that servers have noted in their logs, looked at once a second at most."""

    lab: Laboratory
    all: Sequence[str]
    _points: set[str] = field(default_factory=set[str])
    _looked: float = 0.0

    def missing(self) -> list[str]:
        if monotonic() - self._looked > 1:
            self._looked = monotonic()
            for service in self.lab.fleet.logs:
                noted = (point for point, deed in deeds_in(service.said) if deed == "note")
                self._points.update(noted)
        return [point for point in self.all if point not in self._points]


async def test_every_point_is_passed() -> None:
    notes_all = {"laboratory__failpoints": "*=note"}
    async with laboratory(91, servers=3, steady=2, of_place=[notes_all] * 2) as lab:
        passed = Passed(lab, lab.fleet.plan.points)
        lab.fleet.plan.points = ORPHANING
        lab.fleet.plan.asked = passed.missing

        done = await run(lab, 5, kill_and_stop, enough=lambda: not passed.missing())

        judge(done)
        assert passed.missing() == []
