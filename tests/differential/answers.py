"""Answers and refusals of two kernels, brought to what must be equal: all but times."""

from collections.abc import Awaitable, Iterable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import cast

from domain.kernel.errors import DomainError
from domain.tools.invocation import Invocation
from tests.fakes import NOON


async def answer_of(call: Awaitable[object]) -> object:
    """What a call answered, or how it was refused."""
    try:
        return timeless(await call)
    except DomainError as refusal:
        return type(refusal), dict(refusal.facts)


def timeless(answer: object) -> object:
    """The answer with every moment at noon, and every duration as whether it is above 0."""
    match answer:
        case Invocation():
            # Its other times were given by its caller, and are the same everywhere.
            decided = None if answer.decided_at is None else NOON
            ended = None if answer.finished_at is None else NOON
            return replace(answer, created_at=NOON, decided_at=decided, finished_at=ended)
        case datetime():
            return NOON
        case float():
            return answer > 0
        case tuple() | list():
            return [timeless(part) for part in cast("Iterable[object]", answer)]
        case _ if is_dataclass(answer) and not isinstance(answer, type):
            values = {part.name: timeless(getattr(answer, part.name)) for part in fields(answer)}
            return type(answer), values
        case _:
            return answer
