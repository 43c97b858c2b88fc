"""What a turn looks like while it happens."""

import orjson

from entrypoints.cli.following import ConnectionLost
from entrypoints.cli.turn_view import TurnView
from somagent.conversation.v1.conversation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    TextDelta,
    TurnAccepted,
    TurnCompleted,
    TurnDegraded,
    TurnEvent,
    TurnFailed,
    TurnRestarted,
)
from somagent.errors.v1.error_pb2 import Error
from tests.unit.entrypoints.cli.screens import readable_screen
from tests.unit.entrypoints.cli.service import RECORD, TURN, completed_turn


def shown(*events: TurnEvent | ConnectionLost, json: bool = False) -> str:
    readable = readable_screen(json=json)
    view = TurnView(readable.screen)
    for event in events:
        view.show(event)
    return readable.text


def text(delta: str) -> TurnEvent:
    return TurnEvent(text=TextDelta(delta=delta))


def completed(words: str) -> TurnEvent:
    return TurnEvent(
        completed=TurnCompleted(text=words, finish_reason=FINISH_REASON_STOP, record=RECORD)
    )


def test_text_is_joined_as_it_comes_and_not_repeated_at_the_end() -> None:
    seen = shown(text("It is "), text("52.5."), completed("It is 52.5."))

    assert seen.startswith("It is 52.5.\n0 tokens")
    assert seen.count("It is") == 1


def test_the_answer_as_it_is_kept_is_shown_where_the_deltas_were_other() -> None:
    seen = shown(text("My mail is ada@"), completed("My mail is [e-mail]"))

    assert "the answer as it is kept:\nMy mail is [e-mail]\n" in seen


def test_an_answer_without_deltas_is_shown() -> None:
    assert shown(completed("It is 52.5.")).startswith("It is 52.5.\n")


def test_what_could_steer_the_terminal_never_reaches_it() -> None:
    seen = shown(text("red \x1b[31m\x9b31m \x07\u202etxt\r"), completed("\x1b]0;title\x07"))

    assert not set(seen) & set("\x1b\x9b\x07\u202e\r")


def test_markup_in_an_answer_is_text() -> None:
    assert "[bold]not bold[/bold] :smile:" in shown(text("[bold]not bold[/bold] :smile:"))


def test_a_lost_server_is_told_with_what_is_void() -> None:
    restarted = TurnEvent(
        sequence=1000, restarted=TurnRestarted(first_sequence=5, last_sequence=1000)
    )

    assert "what was shown since event 4 is void" in shown(text("half an ans"), restarted)


def test_a_failure_says_reason_and_what_to_do() -> None:
    error = Error(reason="NO_CAPABILITY", message="nothing serves the need")
    seen = shown(TurnEvent(failed=TurnFailed(error=error, record=RECORD)))

    assert "failed: NO_CAPABILITY: nothing serves the need" in seen
    assert "somagent doctor" in seen


def test_what_is_missing_and_an_early_end_are_told() -> None:
    degraded = TurnEvent(degraded=TurnDegraded(what="memory", reason="it does not answer"))
    short = TurnEvent(completed=TurnCompleted(text="a", finish_reason=FINISH_REASON_LENGTH))

    seen = shown(degraded, short)

    assert "without memory: it does not answer" in seen
    assert "ended early: length" in seen


def test_a_queued_turn_says_that_it_waits() -> None:
    accepted = TurnEvent(accepted=TurnAccepted(turn=TURN, queued=True))

    assert "waiting for the turns before it" in shown(accepted)


def test_in_json_each_event_is_a_line_in_the_words_of_the_contract() -> None:
    lines = shown(*completed_turn(), json=True).splitlines()

    events = [orjson.loads(line) for line in lines]

    assert [event["sequence"] for event in events] == ["1", "2", "3", "4", "5", "6", "7"]
    assert events[2]["tool_call"]["tool"] == "arithmetic"
    assert events[6]["completed"]["usage"]["cost_micro_usd"] == "22000"


def test_a_lost_connection_does_not_stand_in_the_output_of_a_script() -> None:
    assert shown(ConnectionLost(3, "UNAVAILABLE"), json=True) == ""
