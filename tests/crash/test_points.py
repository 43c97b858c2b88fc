"""Every point that there is, is passed by what the laboratory's clients do."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from tests.crash.continuing import continue_one
from tests.crash.fleet import LEAVING
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

STOP_SECONDS = 3.0

STOPS = 20
"""So often a server is told to stop until it was in the middle of all that it can be in."""


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


async def test_every_point_is_passed_and_a_broken_answer_is_gone_on_with() -> None:
    notes_all = {"laboratory__failpoints": "*=note"}
    # The first one is at a pass over the books nearly all the time: also when it is told to stop.
    first = {**notes_all, "reconciliation__interval_seconds": 0.01}
    async with laboratory(91, servers=3, steady=2, of_place=[first, notes_all]) as lab:
        passed = Passed(lab, lab.fleet.plan.points)
        lab.fleet.plan.points = ORPHANING
        lab.fleet.plan.asked = passed.missing
        continued = list[bool]()

        async def kill_and_stop(lab: Laboratory) -> None:
            """The last one dies in mid-answer, then again and again; the first is told to stop."""
            continued.append(await continue_one(lab, 2))
            await kill(lab)
            for _ in range(STOPS):
                await asyncio.sleep(STOP_SECONDS)
                noting = lab.fleet.places[0].service
                if noting is not None:
                    lab.fleet.leave(noting)
                if not any(point.startswith(LEAVING) for point in passed.missing()):
                    return

        done = await run(lab, 5, kill_and_stop, enough=lambda: not passed.missing())

        judge(done)
        assert passed.missing() == []
        assert continued == [True]
