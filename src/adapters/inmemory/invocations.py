"""Invocations in process memory, as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final
from uuid import UUID

from adapters.inmemory.store import InMemoryStore
from application.kernel.ports import Clock
from domain.kernel.identifiers import InvocationId, TenantId, TurnId
from domain.tools.errors import InvocationNotFoundError
from domain.tools.invocation import Invocation, InvocationState

_NO_TURN: Final = TurnId(UUID(int=0))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryInvocations:
    """Reads of one tenant's invocations."""

    store: InMemoryStore
    clock: Clock

    async def invocation(self, tenant_id: TenantId, invocation_id: InvocationId) -> Invocation:
        stored = self.store.invocations.get((tenant_id, invocation_id))
        if stored is None:
            raise InvocationNotFoundError(str(invocation_id))
        return self._told(stored.invocation)

    async def invocations(
        self,
        tenant_id: TenantId,
        *,
        state: InvocationState | None,
        after: InvocationId | None,
        limit: int,
    ) -> Sequence[Invocation]:
        found = [
            self._told(stored.invocation)
            for (owner, invocation_id), stored in self.store.invocations.items()
            if owner == tenant_id
            and (state is None or stored.invocation.state is state)
            and (after is None or invocation_id < after)
        ]
        return sorted(found, key=lambda invocation: invocation.id, reverse=True)[:limit]

    async def awaiting(
        self, tenant_id: TenantId, *, after: InvocationId | None, limit: int
    ) -> Sequence[Invocation]:
        now = self.clock.now()
        found = [
            self._told(stored.invocation)
            for (owner, invocation_id), stored in self.store.invocations.items()
            if owner == tenant_id
            and stored.invocation.waits(now)
            and (after is None or invocation_id > after)
        ]
        return sorted(found, key=lambda invocation: invocation.id)[:limit]

    def _told(self, invocation: Invocation) -> Invocation:
        """A call with the session of its turn."""
        turn = self.store.turns.get((invocation.tenant_id, invocation.turn_id or _NO_TURN))
        return invocation if turn is None else replace(invocation, session_id=turn.turn.session_id)
