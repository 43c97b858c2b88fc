"""One client of the survival run: it talks until the time is over, and looks at every answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from random import Random
from typing import Final

from somagent_client import Session, SomaAgent
from tests.survival.upstream import Order

TURNS_A_SESSION: Final = 6
KINDS: Final = (("short", 6), ("short", 10), ("long", 90), ("long", 140), ("note", 20))


@dataclass(slots=True)
class Tally:
    """What all clients saw."""

    sent: list[Order] = field(default_factory=list[Order])
    """Messages; each is one turn, however often it was sent again."""
    turns: dict[str, Order] = field(default_factory=dict[str, Order])
    """What was asked for and answered, by the turn's name."""
    resumes: int = 0
    """Streams that the client library took up again by itself."""
    resumed_turns: int = 0
    restarts: int = 0
    """Events that told what a lost server had shown as void."""
    errors: list[str] = field(default_factory=list[str])
    """What a client would have had to handle itself."""
    broken: list[str] = field(default_factory=list[str])
    """Answers that were not what was asked for, whole."""


@dataclass(frozen=True, slots=True)
class Talker:
    """Holds conversations through the client library alone, and handles nothing itself."""

    client: SomaAgent
    capsule: str
    name: str
    random: Random
    tally: Tally

    async def talk(self, over: asyncio.Event) -> None:
        number = 0
        while not over.is_set():
            try:
                session = await self.client.create_session(capsule=self.capsule)
                for _ in range(TURNS_A_SESSION):
                    if over.is_set():
                        break
                    number += 1
                    await self._turn(session, number)
                await session.delete()
            except Exception as error:  # noqa: BLE001 - each is counted, and fails the run
                self.tally.errors.append(f"{self.name}: {type(error).__name__}: {error}")

    async def _turn(self, session: Session, number: int) -> None:
        kind, words = self.random.choice(KINDS)
        order = Order(words, f"{self.name}{_letters(number)}x", note=kind == "note")
        turn = session.send(order.message)
        self.tally.sent.append(order)
        numbers: list[int] = []
        try:
            async for event in turn:
                numbers.append(event.sequence)
                self.tally.restarts += len(event.voids) > 0
            answer = await turn
        finally:
            self.tally.resumes += turn.resumes
            self.tally.resumed_turns += turn.resumes > 0
        self.tally.turns[answer.turn] = order
        if not answer.text == turn.text == order.answer:
            self.tally.broken.append(f"{answer.turn}: {_difference(order.answer, answer.text)}")
        if numbers != sorted(set(numbers)):
            self.tally.broken.append(f"{answer.turn}: its events came as {numbers}")


def _letters(number: int) -> str:
    """The number in letters alone: nothing in an answer is to look like a person's numbers."""
    digits: Sequence[str] = [chr(ord("a") + int(digit)) for digit in str(number)]
    return "".join(digits)


def _difference(expected: str, found: str) -> str:
    pairs = zip(expected, found, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return f"after {same} of {len(expected)} characters {found[same : same + 40]!r}"
