"""What one process tells another about turns."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from domain.kernel.identifiers import ServerId, TenantId, TurnId


class SignalKind(Enum):
    WATCH = "watch"
    CANCEL = "cancel"
    WRITTEN = "written"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something happened to a turn elsewhere. `turn_id` None: look at all, some may be missed."""

    kind: SignalKind
    turn_id: TurnId | None


class TurnSignals(Protocol):
    """What one process tells another about turns; the database holds the truth.

    A signal may be lost or come twice: who waits for one also looks by himself every second.
    """

    def listen(self) -> AsyncIterator[Signal]:
        """Signals for this server, for as long as it is iterated.

        WATCH, CANCEL and PROMOTED concern turns that this server drives or accepted; WRITTEN the
        turns that it said it watches.
        """
        ...

    async def watch(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        """Say that somebody watches this turn from here, so that its driver writes often."""
        ...

    async def cancel(self, tenant_id: TenantId, turn_id: TurnId, by: str) -> None:
        """Ask the turn's driver, wherever it is, to cancel it. Asking again changes nothing."""
        ...

    async def written(self, turns: Sequence[tuple[TenantId, TurnId]]) -> None:
        """Tell those who watch these turns from elsewhere that events were committed."""
        ...

    async def promoted(self, turn_id: TurnId, owner: ServerId) -> None:
        """Tell the server that accepted a queued turn that it runs now."""
        ...

    async def cancellations(
        self, turns: Sequence[tuple[TenantId, TurnId]]
    ) -> Sequence[tuple[TurnId, str]]:
        """Those of the turns that somebody has asked to cancel, and who."""
        ...

    async def watched(self, turns: Sequence[tuple[TenantId, TurnId]]) -> Sequence[TurnId]:
        """Those of the turns that somebody watches from another process."""
        ...
