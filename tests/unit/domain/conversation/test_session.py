"""A session's queue: one turn at a time, in order of arrival."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.conversation.session import SessionQueue
from domain.kernel.identifiers import TurnId

turns = st.integers(1, 6).map(lambda number: TurnId(UUID(int=number)))
FIRST, SECOND, THIRD = (TurnId(UUID(int=number)) for number in (1, 2, 3))


def test_the_first_turn_runs_at_once() -> None:
    assert SessionQueue().admits(0)
    assert SessionQueue().join(FIRST) == SessionQueue(FIRST)


def test_later_turns_wait_in_order() -> None:
    queue = SessionQueue().join(FIRST).join(SECOND).join(THIRD)

    assert queue == SessionQueue(FIRST, (SECOND, THIRD))


def test_a_full_queue_admits_nobody() -> None:
    queue = SessionQueue(FIRST, (SECOND,))

    assert not queue.admits(1)
    assert queue.admits(2)


def test_the_head_takes_the_place_of_the_open_turn() -> None:
    assert SessionQueue(FIRST, (SECOND, THIRD)).leave(FIRST) == SessionQueue(SECOND, (THIRD,))


def test_a_waiting_turn_leaves_the_others_in_order() -> None:
    assert SessionQueue(FIRST, (SECOND, THIRD)).leave(SECOND) == SessionQueue(FIRST, (THIRD,))


def test_a_turn_that_is_not_there_changes_nothing() -> None:
    assert SessionQueue(FIRST, (SECOND,)).leave(THIRD) == SessionQueue(FIRST, (SECOND,))


@given(steps=st.lists(st.tuples(st.booleans(), turns)))
def test_nobody_waits_while_nothing_is_open(steps: list[tuple[bool, TurnId]]) -> None:
    queue, expected = SessionQueue(), list[TurnId]()

    for joins, turn in steps:
        if joins and turn not in expected:
            queue, expected = queue.join(turn), [*expected, turn]
        elif not joins:
            queue = queue.leave(turn)
            expected = [one for one in expected if one != turn]

        assert [one for one in (queue.open_turn, *queue.waiting) if one] == expected
        assert queue.open_turn is not None or queue.waiting == ()
