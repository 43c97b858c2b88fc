"""What clients of the laboratory say, and what the scripted model answers to it.

A message is `CANARY kind ident`: the model does what the kind asks for, and its answer names the
ident, so that every answer can be checked against the message that it belongs to.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, final

import orjson

from adapters.system.clock import SystemClock
from application.kernel.ports import Json
from tests.crash.tool_server import CUT, FIRE, POST, SLOW, STAMP
from tests.upstream.chunks import answer, call, likely_text, text
from tests.upstream.scripted import Ending, Pause, Reply, Step, streamed

CANARY: Final = "zebra-quartz-4711"
"""Personal text, for those who look for it where it must not be: messages, notes, answers."""

NOTE: Final = "note_write"

LOGPROB: Final = -0.0471113
"""How likely each piece is, where the service asks: written down nowhere."""

PIECE_SECONDS: Final = 0.12


Said: TypeAlias = Sequence[Mapping[str, Json]]
"""Messages of a prompt."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a message asks the model for: rounds of a tool, then words, slowly or at once.

    The first answer to one that `halts` never comes to its end: only whoever goes on with it does.
    """

    rounds: int = 0
    slow: bool = False
    halts: bool = False
    tool: str = NOTE


KINDS: Final[Mapping[str, Kind]] = {
    "plain": Kind(),
    "slow": Kind(slow=True),
    "halt": Kind(slow=True, halts=True),
    "tool": Kind(rounds=1),
    "tools": Kind(rounds=2, slow=True),
    "stamp": Kind(rounds=2, tool=STAMP),
    "post": Kind(rounds=1, tool=POST),
    "fire": Kind(rounds=1, tool=FIRE),
}


def message_of(kind: str, ident: str) -> str:
    return f"{CANARY} {kind} {ident}"


def kind_and_ident(message: str) -> tuple[str, str] | None:
    """What a text asks for, where it is a message of ours."""
    words = message.split()
    if CANARY not in words:
        return None
    at = words.index(CANARY)
    return (words[at + 1], words[at + 2]) if words[at + 1] in KINDS else None


def deed_of(ident: str, number: int) -> str:
    """The text with which a message's call of a round is made: one text, one effect."""
    how = {"0": SLOW, "1": SLOW, "2": CUT, "3": CUT, "4": CUT}.get(ident[-1], "quick")
    return f"{CANARY} {how} {ident} {number}"


def pieces_of(kind: str, ident: str) -> tuple[str, ...]:
    """The answer, as it is streamed."""
    words = [f"word{number} " for number in range(8 if KINDS[kind].slow else 2)]
    return (f"{CANARY} answers {ident}: ", *words, f"end of {ident}.")


def answer_of(kind: str, ident: str) -> str:
    return "".join(pieces_of(kind, ident))


@final
@dataclass(frozen=True, slots=True)
class ScriptedModel:
    """`counted` are the tokens of all replies to a message, by its ident, as the model says them.

    A reply that nobody heard to its end is counted as well. `asked` is when it was asked for the
    replies to a message, `known` what had been said before it in each of these prompts, and `told`
    what it was told, by a call's id, of the calls made for one.
    `begun` are the messages that it was asked for, `continued` those whose broken answer it went on
    with, `weighed` those of whose answers it was asked how likely they are.
    """

    counted: Counter[str] = field(default_factory=Counter[str])
    asked: dict[str, list[datetime]] = field(default_factory=dict[str, list[datetime]])
    known: dict[str, list[set[str]]] = field(default_factory=dict[str, list[set[str]]])
    told: dict[str, set[tuple[str, str]]] = field(default_factory=dict[str, set[tuple[str, str]]])
    begun: set[str] = field(default_factory=set[str])
    continued: set[str] = field(default_factory=set[str])
    weighed: set[str] = field(default_factory=set[str])

    def choose(self, body: Mapping[str, Json]) -> Reply:
        """The model's reply to a conversation: by its latest message, and what followed that."""
        kind, ident, before, since = _latest(body)
        self.asked.setdefault(ident, []).append(SystemClock().now())
        self.known.setdefault(ident, []).append({str(one.get("content")) for one in before})
        self.told.setdefault(ident, set()).update(_results(since))
        partial = _partial(since)
        if partial:
            self.continued.add(ident)
        reply = _reply(kind, ident, since, offers_tools=bool(body.get("tools")))
        if body.get("logprobs"):
            self.weighed.add(ident)
            reply = streamed(*(_likely(one) for one in reply.steps))
        if KINDS[kind].halts and ident not in self.begun:
            reply = streamed(*reply.steps[:3], Ending.SILENCE)
        self.begun.add(ident)
        self.counted[ident] += sum(_tokens(one) for one in reply.steps if isinstance(one, bytes))
        return reply


def _likely(step: Step) -> Step:
    """A piece of text with how likely it is; anything else as it is."""
    if not isinstance(step, bytes) or not step.startswith(b"data: {"):
        return step
    said: dict[str, list[dict[str, dict[str, str]]]] = orjson.loads(step.removeprefix(b"data: "))
    content = next((one["delta"].get("content") for one in said["choices"]), None)
    return likely_text(content, LOGPROB) if content else step


def _tokens(step: bytes) -> int:
    """What a chunk of a stream says that was used."""
    line = step.removeprefix(b"data: ")
    if not line.startswith(b"{"):
        return 0
    said: dict[str, int] = orjson.loads(line).get("usage") or {}
    return said.get("prompt_tokens", 0) + said.get("completion_tokens", 0)


def _latest(body: Mapping[str, Json]) -> tuple[str, str, Said, Said]:
    """The kind and the ident of the latest message, what came before it, and what followed it."""
    messages = body.get("messages")
    listed = messages if isinstance(messages, list) else []
    told = [one for one in listed if isinstance(one, Mapping)]
    at, kind, ident = next(
        (
            (number, *asked)
            for number in range(len(told) - 1, -1, -1)
            if (asked := _asked(told[number]))
        ),
        (0, "plain", "nothing"),
    )
    return kind, ident, told[:at], told[at + 1 :]


def _reply(kind: str, ident: str, since: Said, *, offers_tools: bool) -> Reply:
    done = sum(1 for one in since if one.get("role") == "tool")
    if done < KINDS[kind].rounds and offers_tools:
        arguments = orjson.dumps({"text": deed_of(ident, done + 1)}).decode()
        return streamed(*call(KINDS[kind].tool, arguments, f"call_{done + 1}"))
    return _spoken(kind, _rest(pieces_of(kind, ident), _partial(since)))


def _results(since: Said) -> Iterator[tuple[str, str]]:
    """What is told of calls, by their ids."""
    for one in since:
        if one.get("role") == "tool":
            yield str(one.get("tool_call_id")), str(one.get("content"))


def _asked(message: Mapping[str, Json]) -> tuple[str, str] | None:
    """Kind and ident, where a message of a client is one of ours."""
    return kind_and_ident(str(message.get("content"))) if message.get("role") == "user" else None


def _partial(since: Said) -> str:
    """The answer that broke off, where the model is told to go on with it."""
    match since:
        case [*_, {"role": "assistant", "content": str(partial)}, {"role": "user"}]:
            return partial
        case _:
            return ""


def _rest(pieces: Sequence[str], partial: str) -> tuple[str, ...]:
    """What is left to say after a part of it."""
    whole = "".join(pieces)
    if not partial or not whole.startswith(partial):
        return tuple(pieces)
    rest, passed = list[str](), 0
    for piece in pieces:
        begins = max(0, len(partial) - passed)
        passed += len(piece)
        if begins < len(piece):
            rest.append(piece[begins:])
    return tuple(rest)


def _spoken(kind: str, pieces: Sequence[str]) -> Reply:
    if not KINDS[kind].slow or len(pieces) < 2:
        return streamed(*answer(*pieces))
    *first, last = pieces
    steps = [step for piece in first for step in (text(piece), Pause(PIECE_SECONDS))]
    return streamed(*steps, *answer(last))
