from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.circuit_breaker import BreakerState, CircuitBreaker
from domain.kernel.resilience import BREAKERS, Guarded

PAUSE: Final = 30.0
CLOSED: Final = CircuitBreaker(terms=BREAKERS[Guarded.TOOL])


def opened(at: float = 0.0) -> CircuitBreaker:
    breaker = CLOSED
    for _ in range(5):
        breaker = breaker.failed(at)
    return breaker


def test_it_opens_at_the_last_failure_of_the_row() -> None:
    four = CLOSED.failed(0).failed(0).failed(0).failed(0)

    assert four.state(0) is BreakerState.CLOSED
    assert four.failed(0).state(0) is BreakerState.OPEN


def test_a_success_ends_the_row() -> None:
    four = CLOSED.failed(0).failed(0).failed(0).failed(0)

    assert four.succeeded(0).failed(0).state(0) is BreakerState.CLOSED


def test_an_open_one_refuses_until_its_pause_is_over() -> None:
    breaker = opened()

    assert breaker.allows(PAUSE - 0.001) == (breaker, False)
    assert not breaker.admits(PAUSE - 0.001)
    assert breaker.state(PAUSE) is BreakerState.HALF_OPEN
    assert breaker.admits(PAUSE)


def test_a_half_open_one_lets_one_probe_through() -> None:
    probing, first = opened().allows(PAUSE)
    probing, second = probing.allows(PAUSE)

    assert (first, second) == (True, False)
    assert probing.state(PAUSE) is BreakerState.HALF_OPEN


def test_the_probes_success_closes_it() -> None:
    probing, _ = opened().allows(PAUSE)

    assert probing.succeeded(PAUSE + 1) == CLOSED


def test_the_probes_failure_opens_it_again_for_a_whole_pause() -> None:
    probing, _ = opened().allows(PAUSE)
    again = probing.failed(PAUSE + 10)

    assert not again.admits(PAUSE + 10 + PAUSE - 0.001)
    assert again.admits(PAUSE + 10 + PAUSE)


def test_a_probe_that_never_answers_is_replaced_after_a_pause() -> None:
    probing, _ = opened().allows(PAUSE)

    assert not probing.admits(2 * PAUSE - 0.001)
    assert probing.admits(2 * PAUSE)


@pytest.mark.parametrize("at", [1.0, PAUSE + 5])
def test_who_called_before_it_opened_changes_nothing(at: float) -> None:
    breaker = opened()

    assert breaker.succeeded(at) == breaker
    assert breaker.failed(at) == breaker


steps = st.lists(
    st.tuples(st.floats(min_value=0, max_value=40), st.sampled_from(["ask", "good", "bad"])),
    max_size=60,
)


@given(steps=steps)
def test_no_two_calls_pass_within_a_pause_while_it_is_not_closed(
    steps: list[tuple[float, str]],
) -> None:
    breaker, at, passed = opened(), 0.0, [-PAUSE]

    for wait, step in steps:
        at += wait
        match step:
            case "ask":
                breaker, allowed = breaker.allows(at)
                if allowed:
                    passed.append(at)
            case "bad":
                breaker = breaker.failed(at)
            case _:
                breaker = breaker.succeeded(at)
        if breaker.state(at) is BreakerState.CLOSED:
            break

    # Times are sums of floats: a pause may seem short by the last digits.
    gaps = [later - earlier for earlier, later in pairwise(passed)]
    assert all(gap >= PAUSE - 1e-6 for gap in gaps)
