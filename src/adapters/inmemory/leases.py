"""The leases of turns in process memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.stored_turn import SEQUENCES, StoredTurn
from application.conversation.ports.leases import (
    Abandoned,
    Driven,
    EventBatch,
    Promoted,
    Renewal,
    Unread,
)
from application.conversation.ports.reading import UnreadableError
from application.kernel.ports import Clock
from domain.conversation.interruption import MOST_TAKE_OVERS
from domain.conversation.turn import Turn, TurnState
from domain.kernel.identifiers import ServerId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryTurnLeases:
    """The leases of one server; none of its answers is `again`, for nothing is locked elsewhere."""

    store: InMemoryStore
    clock: Clock
    server_id: ServerId
    lease_seconds: float = 30.0

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        return [self._renew(renewal) for renewal in renewals]

    async def append(self, batches: Sequence[EventBatch]) -> Sequence[bool | None]:
        return [self._append(batch) for batch in batches]

    async def hand_back(self, turns: Sequence[Driven]) -> None:
        for turn in turns:
            if (stored := self._driven(turn)) is not None:
                over = self.clock.monotonic() - 1
                self._keep(replace(stored, lease_until=over, take_overs=stored.take_overs - 1))

    async def take_over(self, limit: int) -> Sequence[Abandoned]:
        now = self.clock.monotonic()
        expired = sorted(
            (key, stored)
            for key, stored in self.store.turns.items()
            if stored.lease_until is not None and stored.lease_until < now
        )
        taken = [self._take(stored) for _, stored in expired[:limit]]
        return [abandoned for abandoned in taken if abandoned is not None]

    async def promoted(self, limit: int) -> Sequence[Promoted]:
        now = self.clock.now()
        mine = [
            Promoted(
                turn=stored.turn,
                lease_seconds=stored.remaining(self.clock.monotonic()),
                seconds_left=(stored.turn.deadline_at - now).total_seconds(),
            )
            for _, stored in sorted(self.store.turns.items())
            if stored.waits_for_driver and stored.owner == self.server_id and stored.readable
        ]
        return mine[:limit]

    async def decided(self, limit: int) -> Sequence[Turn | Unread]:
        now = self.clock.now()
        free = [
            stored.turn if stored.readable else _unread(stored)
            for _, stored in sorted(self.store.turns.items())
            if stored.turn.state is TurnState.PAUSED and not self.store.waits(stored.turn, now)
        ]
        return free[:limit]

    def _renew(self, renewal: Renewal) -> float | None:
        stored = self._driven(renewal)
        if stored is None:
            return None
        self._keep(
            replace(
                stored,
                lease_until=self.clock.monotonic() + self.lease_seconds,
                ceiling=max(stored.ceiling, renewal.ceiling),
                waits_for_driver=False,
            )
        )
        return self.lease_seconds

    def _append(self, batch: EventBatch) -> bool | None:
        stored = self._driven(batch)
        last = max((event.last_sequence for event in batch.events), default=0)
        if stored is None or last > stored.ceiling:
            return None
        self.store.show(stored.turn, batch.events)
        return True

    def _driven(self, named: Renewal | EventBatch | Driven) -> StoredTurn | None:
        stored = self.store.turns.get((named.tenant_id, named.turn_id))
        if stored is None or stored.turn.fence != named.fence:
            return None
        return stored if stored.turn.state is TurnState.RUNNING else None

    def _take(self, stored: StoredTurn) -> Abandoned | None:
        """Take a turn over; None where nobody has driven it yet: then it is promoted for us."""
        turn = replace(stored.turn, fence=stored.turn.fence + 1)
        left = (turn.deadline_at - self.clock.now()).total_seconds()
        waits = stored.waits_for_driver and left > 0 and stored.take_overs < MOST_TAKE_OVERS
        self._keep(
            replace(
                stored,
                turn=turn,
                owner=self.server_id,
                lease_until=self.clock.monotonic() + self.lease_seconds,
                ceiling=stored.ceiling + SEQUENCES,
                waits_for_driver=waits,
                take_overs=stored.take_overs + 1,
            )
        )
        if waits:
            return None
        return Abandoned(
            error=None if stored.readable else UnreadableError(str(turn.id)),
            turn=turn,
            last_written=self.store.last_written(turn.tenant_id, turn.id),
            ceiling=stored.ceiling,
            lease_seconds=self.lease_seconds,
            take_overs=stored.take_overs + 1,
            seconds_left=left,
        )

    def _keep(self, stored: StoredTurn) -> None:
        self.store.turns[stored.turn.tenant_id, stored.turn.id] = stored


def _unread(stored: StoredTurn) -> Unread:
    turn = stored.turn
    return Unread(turn.tenant_id, turn.id, UnreadableError(str(turn.id)))
