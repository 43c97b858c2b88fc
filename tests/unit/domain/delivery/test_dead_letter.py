"""What may be done with a dead letter, and what is kept of one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.delivery.dead_letter import (
    MOST_ATTEMPTS,
    MOST_HEADER,
    MOST_HEADERS,
    MOST_PAYLOAD,
    Attempt,
    Content,
    LetterState,
    remembered,
)
from domain.delivery.errors import DeadLetterBusyError, DeadLetterSettledError
from tests.builders import dead_letter
from tests.fakes import NOON


def test_no_credential_is_kept() -> None:
    headers = (("Authorization", b"Bearer x"), ("x-api-key", b"y"), ("traceparent", b"00"))

    assert Content.of(headers, b"").headers == (("traceparent", b"00"),)


def test_what_is_kept_of_a_giant_is_bounded() -> None:
    headers = [(f"h{number}\0", bytes(MOST_HEADER + 1)) for number in range(MOST_HEADERS + 1)]

    kept = Content.of(headers, bytes(MOST_PAYLOAD + 1))

    assert (len(kept.headers), len(kept.payload)) == (MOST_HEADERS, MOST_PAYLOAD)
    assert {len(value) for _, value in kept.headers} == {MOST_HEADER}
    assert not any("\0" in name for name, _ in kept.headers)


def test_a_letter_whose_payload_was_cut_is_not_whole() -> None:
    letter = dead_letter()

    assert replace(letter, payload_bytes=MOST_PAYLOAD).whole
    assert not replace(letter, payload_bytes=MOST_PAYLOAD + 1).whole


def test_the_first_attempt_and_the_last_ones_are_remembered() -> None:
    attempts = [Attempt(NOON + timedelta(seconds=n), str(n)) for n in range(MOST_ATTEMPTS + 5)]

    kept = remembered(attempts)

    assert len(kept) == MOST_ATTEMPTS
    assert (kept[0].error, kept[1].error, kept[-1].error) == ("0", "6", str(MOST_ATTEMPTS + 4))


def test_a_replay_that_failed_leaves_the_letter_resting_with_one_attempt_more() -> None:
    taken = replace(dead_letter(), replaying=True, version=3)

    again = taken.refused_again("SESSION_BUSY", "the session has an open turn", NOON)

    assert (again.state, again.replaying, again.version) == (LetterState.RESTING, False, 4)
    assert (again.reason, len(again.attempts)) == ("SESSION_BUSY", len(taken.attempts) + 1)


@pytest.mark.parametrize("state", [LetterState.REPLAYED, LetterState.DISCARDED])
def test_a_settled_letter_is_history(state: LetterState) -> None:
    letter = replace(dead_letter(), state=state)

    with pytest.raises(DeadLetterSettledError):
        letter.edit(3)
    with pytest.raises(DeadLetterSettledError):
        letter.discard(by="ada", note="no", at=NOON)


def test_a_letter_that_is_being_replayed_is_left_alone() -> None:
    letter = replace(dead_letter(), replaying=True)

    with pytest.raises(DeadLetterBusyError):
        letter.edit(3)
    with pytest.raises(DeadLetterBusyError):
        letter.discard(by="ada", note="no", at=NOON)


def test_every_change_has_an_etag_of_its_own() -> None:
    letter = dead_letter()

    changed = letter.edit(3)

    assert changed.etag != letter.etag
    assert changed.discard(by="ada", note="no", at=NOON).etag != changed.etag
