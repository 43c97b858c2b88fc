"""Every point that there is, is passed by what the laboratory's clients do."""

import asyncio

from adapters.failpoints.catalogue import POINTS
from tests.crash.fleet import deeds_in
from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.runs import judge, kill, run

ORPHANING = (
    "effects.decide.after",
    "journal.accept.after",
    "journal.resume.before",
    "model.stream.middle",
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


def passed(lab: Laboratory) -> set[str]:
    """The points that the first server, which is not killed, has passed."""
    steady = (one for one in lab.fleet.logs if one.installation == lab.fleet.places[0].installation)
    return {point for service in steady for point, _ in deeds_in(service.said)}


async def test_every_point_is_passed() -> None:
    notes_all = {"laboratory__failpoints": "*=note"}
    async with laboratory(91, servers=3, steady=2, of_place=[notes_all]) as lab:
        lab.fleet.plan.points = ORPHANING

        def missing() -> list[str]:
            return [point for point in POINTS if point not in passed(lab)]

        lab.fleet.plan.asked = missing
        done = await run(lab, 5, kill_and_stop, enough=lambda: not missing())

        judge(lab, done)
        left = missing()
        assert not left, left
