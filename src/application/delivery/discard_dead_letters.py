"""Settle letters about which nothing is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from application.delivery.letter_audit import Deed, LetterAudit
from application.delivery.ports.dead_letters import DeadLetters
from domain.delivery.dead_letter import DeadLetter, LetterState
from domain.kernel.errors import ConflictError, NotFoundError, PreconditionError
from domain.kernel.identifiers import DeadLetterId, TenantId

ACTION: Final = "operations:replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardDeadLettersCommand:
    """`actor` is the subject of who asks, `note` says why."""

    tenant_id: TenantId
    letters: Sequence[DeadLetterId]
    actor: str
    note: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of letters: those that are settled now, and why others are not."""

    letters: Sequence[DeadLetter]
    refused: Sequence[tuple[DeadLetterId, Exception]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardDeadLetters:
    letters: DeadLetters
    audit: LetterAudit

    async def __call__(self, command: DiscardDeadLettersCommand) -> Settled:
        """Discard each by itself; asked again, it finds them discarded.

        Raises:
            StorageUnavailableError: Some may have been discarded; ask again.
        """
        deed = await self.audit.deed(command.actor, ACTION)
        settled: list[DeadLetter] = []
        refused: list[tuple[DeadLetterId, Exception]] = []
        for letter_id in command.letters:
            try:
                settled.append(await self._discard(command, letter_id, deed))
            except (NotFoundError, ConflictError, PreconditionError) as refusal:
                refused.append((letter_id, refusal))
        return Settled(settled, refused)

    async def _discard(
        self, command: DiscardDeadLettersCommand, letter_id: DeadLetterId, deed: Deed
    ) -> DeadLetter:
        letter = (await self.letters.open(command.tenant_id, letter_id)).letter
        done = (LetterState.DISCARDED, command.actor, command.note)
        if (letter.state, letter.settled_by, letter.note) == done:
            return letter
        discarded = letter.discard(by=command.actor, note=command.note, at=deed.at)
        await self.letters.change(discarded, None, self.audit.of(discarded, deed))
        return discarded
