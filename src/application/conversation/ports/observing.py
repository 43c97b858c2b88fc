"""Who measures how turns went."""

from dataclasses import dataclass
from typing import Protocol

from domain.conversation.phase import Attempt, PhaseTime
from domain.conversation.turn import TurnState, Usage
from domain.kernel.identifiers import TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSummary:
    """How a turn went. `began` is the monotonic time of its message, `reason` its failure's."""

    turn_id: TurnId
    state: TurnState
    reason: str
    began: float
    times: tuple[PhaseTime, ...]
    attempts: tuple[Attempt, ...]
    usage: Usage


class TurnObserver(Protocol):
    """Who measures: phases take their own times, and spans and histograms are made of them here."""

    def turn_ended(self, summary: TurnSummary) -> None: ...

    def broke(self, turn_id: TurnId, error: Exception) -> None:
        """Something in a turn's driver broke that no refusal names: a defect."""
        ...
