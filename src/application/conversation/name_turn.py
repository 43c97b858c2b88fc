"""Say which session a turn is of, so that it can be named."""

from dataclasses import dataclass
from typing import final

from application.conversation.ports.reading import TurnReader
from application.conversation.told_turn import told_turn
from application.kernel.timed_cache import TimedCache
from domain.kernel.identifiers import SessionId, TenantId, TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTurnQuery:
    tenant_id: TenantId
    turn_id: TurnId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NameTurn:
    """A turn's session never changes, so what `known` keeps is never wrong."""

    reader: TurnReader
    known: TimedCache[tuple[TenantId, TurnId], SessionId]

    async def __call__(self, query: NameTurnQuery) -> SessionId:
        """Raises: TurnNotFoundError: No such turn of this tenant."""
        key = query.tenant_id, query.turn_id
        return await self.known.get(key, lambda: self._read(*key))

    async def _read(self, tenant_id: TenantId, turn_id: TurnId) -> SessionId:
        return (await told_turn(self.reader, tenant_id, turn_id)).session_id
