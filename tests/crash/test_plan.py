"""Which step is served next."""

from collections import Counter
from random import Random

from adapters.failpoints.orders import Deed
from tests.crash.plan import AT_RANDOM, ENOUGH, Doom, Plan, Wanted

STEPS = ("journal.accept.before", "journal.accept.after", "leases.take_over.after")


def plan(**kept: object) -> Plan:
    made = Plan(chance=Random(3), points=STEPS)  # noqa: S311 - the same each time
    for name, value in kept.items():
        setattr(made, name, value)
    return made


def chosen(plan: Plan, times: int) -> Counter[str]:
    """What is chosen for one place, again and again, where nothing comes of it."""
    return Counter(plan.next(0).point for _ in range(times))


def test_every_step_is_served_in_turn() -> None:
    served = plan()

    for _ in range(200):
        served.killed(served.next(0).point)

    kills = [served.kills[point] for point in STEPS]
    assert max(kills) - min(kills) <= 1


def test_what_is_on_its_way_counts() -> None:
    served = plan()

    under_way = Counter(served.next(place).point for place in range(3))

    assert all(under_way[point] <= 1 for point in STEPS)


def test_a_step_that_is_missed_leaves_time_for_the_others() -> None:
    served = plan()

    for _ in range(60):
        doom = served.next(0)
        if doom.point == STEPS[2]:
            served.missed(doom)
        else:
            served.killed(doom.point)

    assert served.below(ENOUGH) == [STEPS[2]]


def test_a_step_that_is_short_has_the_time_that_is_left() -> None:
    served = plan(
        kills=Counter({STEPS[0]: ENOUGH, STEPS[1]: ENOUGH}), misses=Counter({STEPS[2]: 99})
    )

    assert set(chosen(served, 300)) == {STEPS[2], AT_RANDOM}


def test_clients_are_sent_to_the_server_that_waits_and_to_no_other() -> None:
    served = plan(doomed={0: Doom(STEPS[0]), 1: Doom(STEPS[1])})

    served.ready(1)

    assert list(served.wanted()) == [Wanted(STEPS[1], 1)]


def test_what_is_to_be_taken_over_is_begun_at_the_place_that_dies_first() -> None:
    served = plan(doomed={0: Doom(STEPS[2])}, victims={0: 1})

    served.ready(0)

    assert list(served.wanted()) == [Wanted(STEPS[2], 1)]


def test_other_harms_come_where_they_are_asked_for_alone() -> None:
    kinder, harder = plan(), plan(harms=(Deed.HANG,))

    deeds = [{one.next(0).deed for _ in range(300)} for one in (kinder, harder)]

    assert deeds == [{Deed.KILL}, {Deed.KILL, Deed.HANG}]
