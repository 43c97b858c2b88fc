"""Rows of turns in process memory, and the steps that commands about them share."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import final

from adapters.inmemory.booking import Settlement
from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.stored_turn import StoredTurn
from application.conversation.ports.journal import Grant
from application.kernel.ports import Clock
from domain.budget.account import Use
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import TenantId, TurnId
from domain.tools.invocation import Invocation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRows:
    store: InMemoryStore
    clock: Clock
    lease_seconds: float

    def found(self, tenant_id: TenantId, turn_id: TurnId, fence: int) -> StoredTurn:
        stored = self.store.turns.get((tenant_id, turn_id))
        if stored is None or stored.turn.fence != fence:
            raise StaleFenceError(str(turn_id))
        return stored

    def driven(self, tenant_id: TenantId, turn_id: TurnId, fence: int) -> StoredTurn:
        stored = self.found(tenant_id, turn_id, fence)
        if stored.turn.state is not TurnState.RUNNING:
            raise StaleFenceError(str(turn_id))
        return stored

    def settled(self, stored: StoredTurn, uses: tuple[Use, ...]) -> StoredTurn:
        """The turn without its holds, which were settled with what was used since the last time."""
        settlement = settlement_of(stored)
        self.store.settle(settlement, uses)
        return replace(stored, holds=(), settlements=settlement.step, waits_for_driver=False)

    def grant(self, stored: StoredTurn, *, earlier: bool = False) -> Grant:
        return Grant(
            turn_id=stored.turn.id,
            state=stored.turn.state,
            fence=stored.turn.fence,
            lease_seconds=self.remaining(stored),
            ceiling=stored.ceiling,
            first_sequence=self.last_written(stored) + 1,
            earlier=earlier,
        )

    def lease(self) -> float:
        return self.clock.monotonic() + self.lease_seconds

    def remaining(self, stored: StoredTurn) -> float:
        return stored.remaining(self.clock.monotonic())

    def last_written(self, stored: StoredTurn) -> int:
        return self.store.last_written(stored.turn.tenant_id, stored.turn.id)

    def keep(self, stored: StoredTurn) -> None:
        self.store.turns[stored.turn.tenant_id, stored.turn.id] = stored

    def write_down(self, invocations: Iterable[Invocation]) -> None:
        for invocation in invocations:
            self.store.write_down(invocation)


def settlement_of(stored: StoredTurn) -> Settlement:
    """The turn's next settlement, of all that it holds."""
    return Settlement(
        tenant_id=stored.turn.tenant_id,
        reference_id=stored.turn.id,
        step=stored.settlements + 1,
        round=stored.round,
        period=stored.period,
        holds=stored.holds,
    )


def checked(calls: tuple[Invocation, ...]) -> tuple[Invocation, ...]:
    for call in calls:
        call.check_texts()
    return calls
