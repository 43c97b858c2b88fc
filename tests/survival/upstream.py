"""What the model says in the survival run: numbered words, so that a whole answer shows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from application.kernel.ports import Json
from tests.upstream.chunks import DONE, call, finish, text, usage
from tests.upstream.scripted import Chooser, Pause, Reply, Step, streamed

ORDER: Final = re.compile(r"^(Note and say|Say) (\d+) words as ([a-z]+)$")
PROMPT_TOKENS: Final = 100

STRAY: Final = "stray"
"""What is said to a request that asks for something else: no answer that is waited for has it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for in one turn; `tag` is of this turn alone."""

    words: int
    tag: str
    note: bool = False

    @property
    def message(self) -> str:
        return f"{'Note and say' if self.note else 'Say'} {self.words} words as {self.tag}"

    @property
    def answer(self) -> str:
        return " ".join(f"{self.tag}{number}" for number in range(1, self.words + 1))


def speaking(seconds_a_word: float) -> Chooser:
    """Says what was asked for, at this pace; of an answer that was cut off, what is left of it."""

    def choose(body: Mapping[str, Json]) -> Reply:
        match body:
            case {"messages": [*messages]}:
                return _reply(messages, seconds_a_word)
            case _:
                return _said(STRAY, seconds_a_word)

    return choose


def _reply(messages: Sequence[Json], seconds_a_word: float) -> Reply:
    order, partial, noted = None, "", False
    for message in messages:
        match message:
            case {"role": "user", "content": str(content)} if found := ORDER.match(content):
                order = Order(int(found[2]), found[3], found[1] != "Say")
                partial, noted = "", False
            case {"role": "tool"}:
                partial, noted = "", True
            case {"role": "assistant", "content": str(content)}:
                partial = content
            case _:
                pass
    if order is None or not order.answer.startswith(partial):
        return _said(STRAY, seconds_a_word)
    if order.note and not noted and not partial:
        return streamed(*call("note_write", orjson.dumps({"text": order.tag}).decode()))
    return _said(order.answer[len(partial) :], seconds_a_word)


def _said(words: str, seconds_a_word: float) -> Reply:
    steps: list[Step] = []
    for word in re.findall(r"\s*\S+\s?", words):
        steps += [Pause(seconds_a_word), text(word)]
    return streamed(*steps, finish() + usage(PROMPT_TOKENS, max(1, len(steps) // 2)) + DONE)
