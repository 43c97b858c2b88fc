"""Dead letters on the screen."""

from collections.abc import Sequence
from typing import TypeAlias

from typer import Exit

from entrypoints.cli.failure import ExitCode
from entrypoints.cli.screen import Screen, printable
from entrypoints.cli.turn_view import json_of
from somagent.operations.v1 import operations_pb2 as pb

Settled: TypeAlias = pb.DiscardDeadLettersResponse | pb.ReplayDeadLettersResponse


def show_letters(screen: Screen, letters: Sequence[pb.DeadLetter]) -> None:
    if screen.json:
        screen.emit({"dead_letters": [json_of(one) for one in letters]})
        return
    if not letters:
        screen.say("none", "green")
    for letter in letters:
        screen.say(
            f"{letter.name}  {_state(letter)}  {printable(letter.topic)}  {letter.reason}  "
            f"{letter.create_time.ToJsonString()}  {letter.payload_bytes} bytes"
        )


def show_letter(screen: Screen, letter: pb.DeadLetter) -> None:
    if screen.json:
        screen.emit({"dead_letter": json_of(letter)})
        return
    screen.say(f"{letter.name}  {_state(letter)}  etag {letter.etag}")
    screen.say(f"{letter.source} gave it up: {letter.reason}: {printable(letter.cause)}")
    key = printable(letter.key.decode(errors="replace"))
    screen.say(f"topic {printable(letter.topic)}, key {key}, type {printable(letter.type)}")
    for attempt in letter.attempts:
        screen.say(f"  {attempt.time.ToJsonString()}  {printable(attempt.error)}")
    if letter.settler:
        settled = letter.settle_time.ToJsonString()
        screen.say(f"{_state(letter)} {settled} by {letter.settler}: {printable(letter.note)}")
    for header in letter.headers:
        value = printable(header.value.decode(errors="replace"))
        screen.say(f"{printable(header.name)}: {value}")
    if letter.payload:
        screen.say(printable(letter.payload.decode(errors="replace")))


def show_settled(screen: Screen, answer: Settled, done: str) -> None:
    """What became of each; `done` says what was asked for.

    Raises:
        Exit: Not for every letter was it done.
    """
    if screen.json:
        refused = [json_of(one) for one in answer.refused]
        settled = [json_of(one) for one in answer.dead_letters]
        screen.emit({"dead_letters": settled, "refused": refused})
    else:
        _show_each(screen, answer, done)
    if answer.refused:
        raise Exit(ExitCode.REFUSED)


def _show_each(screen: Screen, answer: Settled, done: str) -> None:
    if not answer.dead_letters and not answer.refused:
        screen.say("none", "green")
    for letter in answer.dead_letters:
        screen.say(f"{letter.name} {done}", "green")
    for refused in answer.refused:
        error = refused.error
        screen.note(f"{refused.name}: {error.reason}: {printable(error.message)}", "red")


def _state(letter: pb.DeadLetter) -> str:
    name = pb.DeadLetterState.Name(letter.state).removeprefix("DEAD_LETTER_STATE_")
    return "being replayed" if letter.replaying else name.lower()
