"""The use cases of memory over one store, for tenants that no other test has."""

from dataclasses import dataclass

from application.memory.forget import Forget, ForgetCommand
from application.memory.ports import MemoryStore, NoteStore
from application.memory.recall import Recall, RecallQuery
from application.memory.remember import Remember, RememberCommand
from domain.kernel.identifiers import MemoryId, SessionId, TenantId
from domain.memory.recollection import MemoryKind, MemoryScope, Recollection
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.receipts import JSON


@dataclass(slots=True)
class Mind:
    """The use cases of memory over one store, for two tenants that no other test has."""

    memories: MemoryStore
    notes: NoteStore
    identifiers: CountingIdentifiers
    clock: StoppedClock
    tenant_id: TenantId
    other_tenant: TenantId
    asked: int = 0

    def scope(self, subject: str = "ada", session_id: SessionId | None = None) -> MemoryScope:
        return MemoryScope(self.tenant_id, subject, session_id)

    async def remember(
        self,
        text: str,
        *,
        scope: MemoryScope | None = None,
        strength: float = 0.5,
        kind: MemoryKind = MemoryKind.FACT,
        request_id: str = "",
    ) -> Recollection:
        self.asked += 1
        self.clock.advance(1)
        remember = Remember(
            memories=self.memories, json=JSON, clock=self.clock, identifiers=self.identifiers
        )
        return await remember(
            RememberCommand(
                scope=scope or self.scope(),
                request_id=request_id or f"request {self.asked}",
                text=text,
                strength=strength,
                kind=kind,
                source="turns/7",
            )
        )

    async def recall(
        self, cue: str, *, scope: MemoryScope | None = None, limit: int = 10
    ) -> list[str]:
        query = RecallQuery(scope=scope or self.scope(), cue=cue, limit=limit)
        recalled = await Recall(memories=self.memories)(query)
        assert not recalled.degraded
        scores = [one.score for one in recalled.recollections]
        assert scores == sorted(scores, reverse=True)
        return [one.text for one in recalled.recollections]

    async def forget(self, memory_id: MemoryId, *, tenant_id: TenantId | None = None) -> None:
        command = ForgetCommand(tenant_id or self.tenant_id, memory_id)
        forget = Forget(memories=self.memories, clock=self.clock, identifiers=self.identifiers)
        await forget(command)
