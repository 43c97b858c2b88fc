"""Who measures how turns went."""

from dataclasses import dataclass
from enum import StrEnum
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


class TakenOver(StrEnum):
    """What became of a turn whose server was lost, at the server that took it over."""

    CONTINUED = "continued"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LEFT = "left"
    """Nothing: it was another server's by then, or nothing could be written. It is found again."""
    BROKE = "broke"
    """Nothing, by a defect. It is found again."""


class TurnObserver(Protocol):
    """Who measures: phases take their own times, and spans and histograms are made of them here."""

    def turn_ended(self, summary: TurnSummary) -> None: ...

    def taken_over(self, became: TakenOver) -> None:
        """A turn was taken over: where it went on or ended, what was used of it is settled."""
        ...

    def broke(self, turn_id: TurnId, error: Exception) -> None:
        """Something in a turn's driver broke that no refusal names: a defect."""
        ...
