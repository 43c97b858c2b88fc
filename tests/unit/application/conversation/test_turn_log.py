"""How much of a turn's events is not written yet."""

import pytest

from application.conversation.turn_log import EVENT_BYTES, TurnLog
from domain.conversation.turn_event import Paused, TextAdded
from tests.fakes import StoppedClock


@pytest.fixture
def log() -> TurnLog:
    return TurnLog(StoppedClock())


def test_counts_a_text_by_its_bytes(log: TurnLog) -> None:
    log.append(TextAdded("plain"))
    log.append(TextAdded("größer \N{EURO SIGN}"))
    log.append(TextAdded("\ud800"))

    assert log.unwritten_bytes == 3 * EVENT_BYTES + 5 + 12 + 1


def test_still_counts_the_text_of_what_is_not_written(log: TurnLog) -> None:
    log.append(TextAdded("a" * 10))
    log.append(TextAdded("b" * 1000))

    log.mark_written(1)

    assert log.unwritten_bytes == EVENT_BYTES + 1000
    assert [event.sequence for event in log.unwritten] == [2]


def test_counts_nothing_once_all_is_written(log: TurnLog) -> None:
    log.append(TextAdded("a" * 10))

    log.show(log.number(Paused(())))

    assert log.unwritten_bytes == 0
