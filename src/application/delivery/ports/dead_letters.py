"""Where messages rest that could not be delivered or taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.delivery.dead_letter import Content, DeadLetter, LetterState
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import DeadLetterId, TenantId


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """A letter with its content."""

    letter: DeadLetter
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which letters are meant; None and empty mean any. Times are those at which they came here.

    `tenant_id` None means those of all tenants. `since` is included, `until` is not.
    """

    tenant_id: TenantId | None
    state: LetterState | None = None
    topic: str = ""
    key: bytes = b""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None


class RestingPlace(Protocol):
    """One letter for a tenant, a source and an origin."""

    async def put(self, letter: DeadLetter, content: Content) -> bool:
        """Let a message rest; whether it is new here. Its slug is not looked at.

        Raises:
            StorageUnavailableError: It is not known whether it was kept: put it again.
        """
        ...

    async def keep_unknown(self, most: int) -> int:
        """Keep of the letters of unknown senders, which rest with the platform, so many at most.

        The oldest give way, save those that somebody edited or replayed; how many did.

        Raises:
            StorageUnavailableError: The next call makes good for it.
        """
        ...


class DeadLetters(RestingPlace, Protocol):
    """What rests, and what may be done about it."""

    async def page(
        self, asked: LetterFilter, after: DeadLetterId | None, limit: int
    ) -> Sequence[DeadLetter]:
        """Letters in the order in which they came, later than `after`."""
        ...

    async def open(self, tenant_id: TenantId, letter_id: DeadLetterId) -> OpenedLetter:
        """Raises: DeadLetterNotFoundError: This tenant has none such."""
        ...

    async def take(
        self, tenant_id: TenantId, letters: Sequence[DeadLetterId], seconds: float
    ) -> Sequence[OpenedLetter]:
        """Take those of these that rest, to replay them: nobody else may for so many seconds.

        They come in their order, `replaying`, with the version under which they are to be changed.
        """
        ...

    async def change(
        self, changed: DeadLetter, content: Content | None, audit: AuditRecorded
    ) -> None:
        """Store a letter's next version, a new content where there is one, and publish the audit.

        Raises:
            EtagMismatchError: The stored version is not the one before this.
            DeadLetterNotFoundError: There is none such.
        """
        ...
