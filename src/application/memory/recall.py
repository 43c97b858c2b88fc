"""Find what memory holds about a cue."""

from dataclasses import dataclass
from typing import final

from application.memory.ports import MemoryStore, Recalled
from domain.kernel.errors import InvalidArgumentError
from domain.memory.recollection import MAX_RECALLED, MemoryScope, check_cue


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    scope: MemoryScope
    cue: str
    limit: int = 10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    memories: MemoryStore

    async def __call__(self, query: RecallQuery) -> Recalled:
        """What answers the cue, best first, of what the scope may see.

        Raises:
            InvalidArgumentError: The cue is empty or too long, or the limit out of its range.
        """
        check_cue(query.cue)
        if not 1 <= query.limit <= MAX_RECALLED:
            raise InvalidArgumentError("limit", f"must be from 1 to {MAX_RECALLED}")
        return await self.memories.recall(query.scope, query.cue, query.limit)
