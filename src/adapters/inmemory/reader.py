"""Reads of sessions and turns in process memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from adapters.inmemory.store import InMemoryStore, StoredMessage
from adapters.inmemory.stored_turn import StoredTurn
from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.reading import Opening, UnreadableError
from domain.conversation.errors import SessionNotFoundError, TurnNotFoundError
from domain.conversation.turn import Turn, TurnOrder
from domain.conversation.turn_event import TurnEvent
from domain.kernel.identifiers import MessageId, SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.kernel.principal import Principal
from domain.tools.invocation import Invocation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryTurnReader:
    store: InMemoryStore

    async def opening(self, tenant_id: TenantId, session_id: SessionId, messages: int) -> Opening:
        session = self.store.sessions.get((tenant_id, session_id))
        if session is None or session.deleted_at is not None:
            raise SessionNotFoundError(str(session_id))
        said = [
            stored.message
            for (owner, _), stored in sorted(self.store.messages.items(), key=_place)
            if (owner, stored.session_id) == (tenant_id, session_id)
            and self.store.turns[tenant_id, stored.turn_id].turn.state.final
        ]
        return Opening(
            session=session,
            last_event=self.store.last_event(tenant_id, session_id),
            history=tuple(said[-messages:] if messages else ()),
        )

    async def accepted(
        self, tenant_id: TenantId, session_id: SessionId, request_id: str
    ) -> tuple[TurnId, bytes] | None:
        known = self.store.turn_requests.get((tenant_id, session_id, request_id))
        return None if known is None else (known[1], known[0])

    async def turn(self, tenant_id: TenantId, turn_id: TurnId) -> Turn:
        stored = self._found(tenant_id, turn_id)
        if not stored.readable:
            raise UnreadableError(str(turn_id))
        return stored.turn

    async def outline(self, tenant_id: TenantId, turn_id: TurnId) -> Turn:
        return self._outline(self._found(tenant_id, turn_id).turn)

    async def events(
        self, tenant_id: TenantId, turn_id: TurnId, after: int, limit: int
    ) -> Sequence[TurnEvent]:
        written = self.store.turn_events.get((tenant_id, turn_id), {})
        return [event for sequence, event in sorted(written.items()) if sequence > after][:limit]

    async def last_sequence(self, tenant_id: TenantId, turn_id: TurnId) -> int:
        self._found(tenant_id, turn_id)
        return self.store.last_written(tenant_id, turn_id)

    async def ceiling(self, tenant_id: TenantId, turn_id: TurnId) -> int:
        return self._found(tenant_id, turn_id).ceiling

    async def trace(self, tenant_id: TenantId, turn_id: TurnId) -> bytes:
        return self._found(tenant_id, turn_id).trace

    async def overrun(self, tenant_id: TenantId, turn_id: TurnId) -> Mapping[Metric, int]:
        found = Counter[Metric]()
        for one in self.store.overruns:
            of_turn = one.settlement.reference_id == turn_id
            if of_turn and one.settlement.tenant_id == tenant_id == one.account_id:
                found[one.metric] += one.amount
        return found

    async def checkpoint(self, tenant_id: TenantId, turn_id: TurnId) -> Checkpoint:
        stored = self._found(tenant_id, turn_id)
        if not stored.checkpoint_readable:
            raise UnreadableError(str(turn_id))
        return stored.checkpoint

    async def invocations(self, tenant_id: TenantId, turn_id: TurnId) -> Sequence[Invocation]:
        return self.store.invocations_of(tenant_id, turn_id)

    async def turns(
        self, tenant_id: TenantId, session_id: SessionId, after: TurnId | None, limit: int
    ) -> Sequence[Turn]:
        found = [
            stored.turn if stored.readable else self._outline(stored.turn)
            for (owner, turn_id), stored in self.store.turns.items()
            if (owner, stored.turn.session_id) == (tenant_id, session_id)
            and (after is None or turn_id < after)
        ]
        return sorted(found, key=lambda turn: turn.id, reverse=True)[:limit]

    def _outline(self, turn: Turn) -> Turn:
        principal = Principal(
            tenant_id=turn.tenant_id,
            tenant=turn.order.principal.tenant,
            subject=self.store.sessions[turn.tenant_id, turn.session_id].subject,
            roles=frozenset(),
        )
        return replace(turn, order=TurnOrder(principal=principal, text=turn.order.text))

    def _found(self, tenant_id: TenantId, turn_id: TurnId) -> StoredTurn:
        stored = self.store.turns.get((tenant_id, turn_id))
        if stored is None:
            raise TurnNotFoundError(str(turn_id))
        return stored


def _place(kept: tuple[tuple[TenantId, MessageId], StoredMessage]) -> tuple[TurnId, MessageId]:
    """Turn after turn: the message of a turn that waits is older than the answer it waits for."""
    (_, message_id), stored = kept
    return stored.turn_id, message_id
