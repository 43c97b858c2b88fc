"""Destroy something remembered."""

from dataclasses import dataclass
from typing import final

from application.memory.ports import MemoryStore
from domain.kernel.identifiers import MemoryId, TenantId


@dataclass(frozen=True, slots=True)
class ForgetCommand:
    tenant_id: TenantId
    memory_id: MemoryId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Destroy a text and its nonce: records that name it hold a hash that nobody can guess."""

    memories: MemoryStore

    async def __call__(self, command: ForgetCommand) -> None:
        """Raises: MemoryNotFoundError: No such memory of this tenant was ever kept."""
        await self.memories.forget(command.tenant_id, command.memory_id)
