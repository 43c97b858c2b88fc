"""Mend what a resting letter carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from application.delivery.letter_audit import LetterAudit
from application.delivery.ports.dead_letters import DeadLetters, OpenedLetter
from domain.delivery.dead_letter import Content, Header
from domain.kernel.errors import EtagMismatchError
from domain.kernel.identifiers import DeadLetterId, TenantId

ACTION: Final = "operations:open_dead_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditDeadLetterCommand:
    """What is None stays as it is. `etag` is empty where the caller does not mind what was there.

    `actor` is the subject of who asks.
    """

    tenant_id: TenantId
    letter_id: DeadLetterId
    actor: str
    headers: Sequence[Header] | None = None
    payload: bytes | None = None
    etag: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EditDeadLetter:
    letters: DeadLetters
    audit: LetterAudit

    async def __call__(self, command: EditDeadLetterCommand) -> OpenedLetter:
        """The letter with its new content; one that carries it already is left as it is.

        Raises:
            DeadLetterNotFoundError: This tenant has none such.
            DeadLetterSettledError: It was replayed or discarded.
            DeadLetterBusyError: It is being replayed.
            EtagMismatchError: It changed since it was read.
        """
        opened = await self.letters.open(command.tenant_id, command.letter_id)
        letter, old = opened.letter, opened.content
        new = Content.of(
            old.headers if command.headers is None else command.headers,
            old.payload if command.payload is None else command.payload,
        )
        if new == old:
            return opened
        if command.etag and command.etag != letter.etag:
            raise EtagMismatchError(str(letter.id))
        size = letter.payload_bytes if command.payload is None else len(command.payload)
        changed = letter.edit(size)
        deed = await self.audit.deed(command.actor, ACTION)
        await self.letters.change(changed, new, self.audit.of(changed, deed))
        return OpenedLetter(changed, new)
