"""Destroy something remembered."""

from dataclasses import dataclass
from typing import final

from application.kernel.ports import Clock, IdentifierSource
from application.memory.ports import MemoryStore
from domain.kernel.identifiers import EventId, MemoryId, TenantId
from domain.memory.events import MemoryForgotten


@dataclass(frozen=True, slots=True)
class ForgetCommand:
    tenant_id: TenantId
    memory_id: MemoryId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Destroy a text and its nonce: records that name it hold a hash that nobody can guess."""

    memories: MemoryStore
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: ForgetCommand) -> None:
        """Raises: MemoryNotFoundError: No such memory of this tenant was ever kept."""
        await self.memories.forget(
            MemoryForgotten(
                id=EventId(self.identifiers.next()),
                tenant_id=command.tenant_id,
                key=command.tenant_id,
                occurred_at=self.clock.now(),
                memory_id=command.memory_id,
            )
        )
