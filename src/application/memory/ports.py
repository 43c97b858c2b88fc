"""What the memory use cases need from the outside world."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.kernel.identifiers import TenantId
from domain.memory.events import MemoryForgotten, MemoryRemembered
from domain.memory.note import Note
from domain.memory.recollection import MemoryScope, Recollection


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberText:
    """Something to keep, once per request id; `digest` is of the request's content.

    `fact` is published with it, when it is new.
    """

    recollection: Recollection
    nonce: bytes
    request_id: str
    digest: bytes
    fact: MemoryRemembered


@dataclass(frozen=True, slots=True)
class Recalled:
    """Best first. `degraded` when the memory did not answer, and this is not all there is."""

    recollections: tuple[Recollection, ...]
    degraded: bool = False


class MemoryStore(Protocol):
    """Remembered texts of one tenant."""

    async def remember(self, command: RememberText) -> Recollection:
        """Keep a text; the stored one when the request was there before.

        Raises:
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def recall(self, scope: MemoryScope, cue: str, limit: int) -> Recalled:
        """What answers a cue, best first: what holds all its words before what holds some."""
        ...

    async def forget(self, fact: MemoryForgotten) -> None:
        """Destroy the text that the fact names and the nonce of its hash, and publish the fact.

        Again changes and publishes nothing.

        Raises:
            MemoryNotFoundError: No such memory of this tenant was ever kept.
        """
        ...


class NoteStore(Protocol):
    """Notes that tools wrote."""

    async def write(self, note: Note) -> Note:
        """Keep a note; the stored one when its id is there already."""
        ...

    async def notes(self, tenant_id: TenantId, subject: str, limit: int) -> Sequence[Note]:
        """The subject's notes, newest first."""
        ...
