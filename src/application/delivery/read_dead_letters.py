"""Look at messages that could not be delivered or taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.delivery.ports.dead_letters import DeadLetters, LetterFilter, OpenedLetter
from domain.delivery.dead_letter import DeadLetter
from domain.kernel.identifiers import DeadLetterId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeadLettersQuery:
    asked: LetterFilter
    limit: int
    after: DeadLetterId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeadLetters:
    letters: DeadLetters

    async def __call__(self, query: ListDeadLettersQuery) -> Sequence[DeadLetter]:
        """In the order in which they came, without their contents."""
        return await self.letters.page(query.asked, query.after, query.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeadLetterQuery:
    tenant_id: TenantId
    letter_id: DeadLetterId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeadLetter:
    letters: DeadLetters

    async def __call__(self, query: GetDeadLetterQuery) -> OpenedLetter:
        """Raises: DeadLetterNotFoundError: This tenant has none such."""
        return await self.letters.open(query.tenant_id, query.letter_id)
