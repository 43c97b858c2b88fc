"""What clients of the laboratory say, and what the scripted model answers to it.

A message is `CANARY kind ident`: the model does what the kind asks for, and its answer names the
ident, so that every answer can be checked against the message that it belongs to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from application.kernel.ports import Json
from tests.upstream.chunks import answer, call, text
from tests.upstream.scripted import Pause, Reply, streamed

CANARY: Final = "zebra-quartz-4711"
"""Personal text, for those who look for it where it must not be: messages, notes, answers."""

TOOL: Final = "note_write"

PIECE_SECONDS: Final = 0.12


@dataclass(frozen=True, slots=True)
class Kind:
    """What a message asks the model for: rounds of a tool, then words, slowly or at once."""

    rounds: int = 0
    slow: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "plain": Kind(),
    "slow": Kind(slow=True),
    "tool": Kind(rounds=1),
    "tools": Kind(rounds=2, slow=True),
}


def message_of(kind: str, ident: str) -> str:
    return f"{CANARY} {kind} {ident}"


def note_of(ident: str, number: int) -> str:
    """The note that a message's tool call of a round writes: one note, one effect."""
    return f"{CANARY} note {ident} {number}"


def pieces_of(kind: str, ident: str) -> tuple[str, ...]:
    """The answer, as it is streamed."""
    words = [f"word{number} " for number in range(8 if KINDS[kind].slow else 2)]
    return (f"{CANARY} answers {ident}: ", *words, f"end of {ident}.")


def answer_of(kind: str, ident: str) -> str:
    return "".join(pieces_of(kind, ident))


def choose(body: Mapping[str, Json]) -> Reply:
    """The model's reply to a conversation: by its latest message, and what followed that."""
    messages = body.get("messages")
    listed = messages if isinstance(messages, list) else []
    told = [one for one in listed if isinstance(one, Mapping)]
    asked = max((at for at, one in enumerate(told) if one.get("role") == "user"), default=-1)
    words = str(told[asked].get("content")).split() if asked >= 0 else []
    kind, ident = next(
        ((words[at + 1], words[at + 2]) for at in _marks(words) if words[at + 1] in KINDS),
        ("plain", "nothing"),
    )
    done = sum(1 for one in told[asked:] if one.get("role") == "tool")
    if done < KINDS[kind].rounds and body.get("tools"):
        arguments = orjson.dumps({"text": note_of(ident, done + 1)}).decode()
        return streamed(*call(TOOL, arguments, f"call_{done + 1}"))
    return _spoken(kind, pieces_of(kind, ident))


def _marks(words: list[str]) -> list[int]:
    return [at for at, word in enumerate(words[:-2]) if word == CANARY]


def _spoken(kind: str, pieces: tuple[str, ...]) -> Reply:
    if not KINDS[kind].slow:
        return streamed(*answer(*pieces))
    *first, last = pieces
    steps = [step for piece in first for step in (text(piece), Pause(PIECE_SECONDS))]
    return streamed(*steps, *answer(last))
