"""What servers tell each other about turns, in one process."""

from asyncio import Queue
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import final

from adapters.inmemory.store import InMemoryStore
from application.conversation.ports.signals import Signal, SignalKind
from domain.kernel.identifiers import ServerId, TenantId, TurnId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryTurnSignals:
    """The signals of one server. Each listener hears what is said while it listens."""

    store: InMemoryStore
    server_id: ServerId

    async def listen(self) -> AsyncIterator[Signal]:
        heard = Queue[Signal]()
        listeners = self.store.listeners.setdefault(self.server_id, [])
        listeners.append(heard)
        try:
            while True:
                yield await heard.get()
        finally:
            listeners.remove(heard)

    async def watch(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        watchers = self.store.watchers.setdefault((tenant_id, turn_id), set())
        if self.server_id not in watchers:
            watchers.add(self.server_id)
            self._tell(self._driver(tenant_id, turn_id), Signal(SignalKind.WATCH, turn_id))

    async def cancel(self, tenant_id: TenantId, turn_id: TurnId, by: str) -> None:
        self.store.cancellations.setdefault((tenant_id, turn_id), by)
        self._tell(self._driver(tenant_id, turn_id), Signal(SignalKind.CANCEL, turn_id))

    async def written(self, turns: Sequence[tuple[TenantId, TurnId]]) -> None:
        for key in turns:
            others = self.store.watchers.get(key, set()) - {self.server_id}
            self._tell(others, Signal(SignalKind.WRITTEN, key[1]))

    async def promoted(self, turn_id: TurnId, owner: ServerId) -> None:
        self._tell({owner}, Signal(SignalKind.PROMOTED, turn_id))

    async def cancellations(
        self, turns: Sequence[tuple[TenantId, TurnId]]
    ) -> Sequence[tuple[TurnId, str]]:
        asked = self.store.cancellations
        return [(key[1], asked[key]) for key in turns if key in asked]

    async def watched(self, turns: Sequence[tuple[TenantId, TurnId]]) -> Sequence[TurnId]:
        watchers = self.store.watchers
        return [key[1] for key in turns if watchers.get(key, set()) - {self.server_id}]

    def _driver(self, tenant_id: TenantId, turn_id: TurnId) -> Iterable[ServerId]:
        stored = self.store.turns.get((tenant_id, turn_id))
        return () if stored is None else (stored.owner,)

    def _tell(self, servers: Iterable[ServerId], signal: Signal) -> None:
        for server in servers:
            for listener in self.store.listeners.get(server, ()):
                listener.put_nowait(signal)
