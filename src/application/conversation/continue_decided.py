"""Let paused turns whose calls are all decided, or not in time, go on or end."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.continue_turns import ResumePaused
from application.conversation.end_turn import EndTurn
from application.conversation.ports.leases import TurnLeases, Unread
from application.conversation.ports.observing import TurnObserver
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.turn import Turn
from domain.kernel.errors import DomainError, UnavailableError

MOST_AT_ONCE: Final = 32


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueDecided:
    """A turn that cannot go on now stays paused; one that never can, ends.

    It can not now where a limit leaves no room or no model serves, or on a server that leaves; it
    never can where its capsule was revoked, for one.
    """

    resume: ResumePaused
    end: EndTurn

    async def __call__(self, turn: Turn) -> bool:
        """Whether the turn is paused no more."""
        if self.resume.drivers.leaving:
            return False
        try:
            await self.resume(turn)
        except (BudgetExhaustedError, UnavailableError):
            return False
        except DomainError as refusal:
            await self.end.fail(turn, refusal)
        return True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDecided:
    """Go on with turns whose decider was lost, or that nobody decided about in time. One pass.

    One with which something goes wrong is found again, and keeps no other.
    """

    leases: TurnLeases
    go_on: ContinueDecided
    observer: TurnObserver

    async def __call__(self) -> int:
        """How many went on."""
        if self.go_on.resume.drivers.leaving:
            return 0
        return sum([await self._try(turn) for turn in await self.leases.decided(MOST_AT_ONCE)])

    async def _try(self, turn: Turn | Unread) -> bool:
        if isinstance(turn, Unread):
            self.observer.broke(turn.turn_id, turn.error)
            return False
        try:
            return await self.go_on(turn)
        except DomainError:
            return False
        except Exception as error:  # noqa: BLE001 - one that cannot go on keeps no other
            self.observer.broke(turn.id, error)
            return False
