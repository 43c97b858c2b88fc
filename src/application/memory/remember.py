"""Keep a text in memory."""

from dataclasses import dataclass
from typing import final

from application.kernel.ports import CanonicalJson, Clock, IdentifierSource
from application.memory.ports import MemoryStore, RememberText
from domain.kernel.identifiers import EventId, MemoryId
from domain.memory.events import MemoryRemembered
from domain.memory.recollection import MemoryKind, MemoryScope, Recollection, check_memory
from domain.provenance.salted_hash import plain_hash, salted_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberCommand:
    scope: MemoryScope
    request_id: str
    text: str
    kind: MemoryKind = MemoryKind.FACT
    strength: float = 0.5
    source: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Keep a text, once per request id."""

    memories: MemoryStore
    json: CanonicalJson
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: RememberCommand) -> Recollection:
        """Keep it; the first one when the request was there before.

        Raises:
            InvalidArgumentError: The text is empty or too long, or the strength out of its range.
            IdempotencyKeyReusedError: The request id is known with other content.
        """
        check_memory(text=command.text, strength=command.strength, source=command.source)
        nonce = self.identifiers.nonce()
        recollection = Recollection(
            id=MemoryId(self.identifiers.next()),
            scope=command.scope,
            text=command.text,
            kind=command.kind,
            strength=command.strength,
            source=command.source,
            digest=salted_hash(nonce, command.text),
            created_at=self.clock.now(),
        )
        fact = MemoryRemembered(
            id=EventId(self.identifiers.next()),
            tenant_id=command.scope.tenant_id,
            key=command.scope.tenant_id,
            occurred_at=recollection.created_at,
            memory_id=recollection.id,
            scope=command.scope,
            kind=command.kind,
            digest=recollection.digest,
        )
        return await self.memories.remember(
            RememberText(
                recollection=recollection,
                nonce=nonce,
                request_id=command.request_id,
                digest=self._digest(command),
                fact=fact,
            )
        )

    def _digest(self, command: RememberCommand) -> bytes:
        session = command.scope.session_id
        return plain_hash(
            self.json.encode(
                {
                    "subject": command.scope.subject,
                    "session": "" if session is None else str(session),
                    "text": command.text,
                    "kind": command.kind.value,
                    "strength": command.strength,
                    "source": command.source,
                }
            )
        )
