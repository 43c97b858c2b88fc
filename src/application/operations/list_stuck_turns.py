"""Find turns that nobody drives any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.operations.ports import StuckTurn, StuckTurns
from domain.kernel.identifiers import TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStuckTurnsQuery:
    limit: int
    after: TurnId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListStuckTurns:
    """Sweeps end such turns within a lease: one that stays here points at a sweep that fails."""

    turns: StuckTurns

    async def __call__(self, query: ListStuckTurnsQuery) -> Sequence[StuckTurn]:
        return await self.turns.stuck(query.after, query.limit)
