"""Rows of turns that cannot be read: what is told of them all the same."""

from dataclasses import replace
from typing import Final

import pytest

from adapters.postgres.turn_codec import encode_outcome
from adapters.postgres.turn_rows import TurnRow
from application.conversation.ports.reading import UnreadableError
from domain.conversation.turn import TurnState, Usage
from tests.builders import CAPSULE_VERSION, SESSION, TENANT, TURN
from tests.fakes import NOON

LATER: Final = b'{"unheard_of":1}'
USAGE: Final = Usage(prompt_tokens=7)
ROW: Final = TurnRow(
    tenant_id=TENANT,
    turn_id=TURN,
    session_id=SESSION,
    capsule_version_id=CAPSULE_VERSION,
    state=TurnState.COMPLETED,
    fence=1,
    terms=LATER,
    question="Hello",
    accepted_at=NOON,
    deadline_at=NOON,
    finished_at=NOON,
    answer="Good day",
    outcome=encode_outcome(USAGE, None),
    record_id=None,
    last_written=3,
)


def test_an_end_that_can_be_read_is_told() -> None:
    outline = ROW.outline(tenant="acme", subject="ada")

    assert (outline.order.principal.subject, outline.order.text) == ("ada", "Hello")
    assert (outline.answer, outline.usage, outline.failure) == ("Good day", USAGE, None)


def test_an_end_that_cannot_be_read_is_told_as_such() -> None:
    row = replace(ROW, outcome=b"{")

    with pytest.raises(UnreadableError):
        row.turn()
    outline = row.outline()

    assert outline.failure is not None
    assert (outline.state, outline.failure.reason) == (TurnState.COMPLETED, "INTERNAL")
    assert (outline.answer, outline.usage) == ("Good day", Usage())


def test_of_one_that_runs_nothing_of_an_end_is_told() -> None:
    outline = replace(ROW, state=TurnState.RUNNING, outcome=None, finished_at=None).outline()

    assert (outline.answer, outline.usage, outline.failure) == ("", Usage(), None)
