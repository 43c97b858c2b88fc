"""Whether a process can serve."""

import asyncio

from entrypoints.readiness import Readiness
from tests.fakes import StoppedClock


class Part:
    """A part that can be asked how it is, and counts how often it was."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        return self.problem


async def breaks() -> str:
    raise ConnectionError("postgresql://ada:hunter2@db")


async def hangs() -> str:
    await asyncio.Event().wait()
    return ""


async def test_a_process_is_ready_where_no_check_has_anything_to_say() -> None:
    readiness = Readiness(checks={"database": Part(), "model": Part()}, clock=StoppedClock())

    health = await readiness()

    assert health.ready
    assert health.problems == {"database": "", "model": ""}


async def test_one_problem_makes_it_unready_and_is_named() -> None:
    readiness = Readiness(checks={"database": Part("gone"), "model": Part()}, clock=StoppedClock())

    health = await readiness()

    assert not health.ready
    assert health.problems["database"] == "gone"


async def test_a_check_that_breaks_is_one_that_fails_and_tells_no_more_than_its_kind() -> None:
    health = await Readiness(checks={"database": breaks}, clock=StoppedClock())()

    assert health.problems == {"database": "could not be asked: ConnectionError"}


async def test_a_check_that_hangs_is_given_up() -> None:
    health = await Readiness(checks={"model": hangs}, clock=StoppedClock())()

    assert "did not answer" in health.problems["model"]


async def test_who_asks_within_a_second_gets_the_same_answer() -> None:
    clock, part = StoppedClock(), Part()
    readiness = Readiness(checks={"database": part}, clock=clock)

    await asyncio.gather(readiness(), readiness(), readiness())
    clock.advance(0.9)
    await readiness()
    before = part.asked
    clock.advance(0.2)
    await readiness()

    assert (before, part.asked) == (1, 2)


async def test_a_draining_process_is_not_ready_whatever_its_checks_say() -> None:
    readiness = Readiness(checks={}, clock=StoppedClock())
    readiness.drain()

    assert not (await readiness()).ready
