"""A turn as it is kept in process memory."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from application.conversation.ports.checkpoint import Checkpoint
from domain.budget.account import Hold
from domain.conversation.turn import Turn
from domain.kernel.identifiers import ServerId, TurnId

SEQUENCES: Final = 1000
"""How far a turn's ceiling is put above the last number that may have been shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTurn:
    """A turn with what only its journal knows. `lease_until` is monotonic; None unless RUNNING.

    A turn that was promoted `waits_for_driver` until its first write. `taken` are the
    fence and the step that it was last taken on with. Tests make it unreadable, as damaged bytes
    are in a database.
    """

    turn: Turn
    owner: ServerId
    lease_until: float | None
    ceiling: int
    period: date
    holds: tuple[Hold, ...]
    round: int = 0
    settlements: int = 0
    promoted: TurnId | None = None
    waits_for_driver: bool = False
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    trace: bytes = b""
    take_overs: int = 0
    taken: tuple[int, int] | None = None
    readable: bool = True
    checkpoint_readable: bool = True

    def remaining(self, now: float) -> float:
        """The seconds that are left of its lease at a monotonic moment; 0.0 without one."""
        return 0.0 if self.lease_until is None else max(0.0, self.lease_until - now)
