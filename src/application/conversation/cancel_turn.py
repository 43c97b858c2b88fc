"""Cancel a turn, wherever it is driven."""

from asyncio import timeout
from dataclasses import dataclass
from typing import Final, final

from application.conversation.end_turn import EndTurn
from application.conversation.ports.reading import TurnReader
from application.conversation.ports.signals import TurnSignals
from application.conversation.told_turn import told_turn
from application.conversation.turn_drivers import TurnDrivers
from application.conversation.watch_turn import Watchers
from domain.conversation.errors import TurnAlreadyEndedError, TurnNotFoundError
from domain.conversation.turn import Turn, TurnState
from domain.kernel.identifiers import SessionId, TenantId, TurnId

IDLE: Final = (TurnState.QUEUED, TurnState.PAUSED)

PATIENCE_SECONDS: Final = 5.0
"""How long the end of a turn is waited for. A lost server's turn ends by its lease."""

LOOK_SECONDS: Final = 0.25
"""How often a turn that another process drives is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTurnCommand:
    """A turn as its session's: under another session's name there is no such turn."""

    tenant_id: TenantId
    session_id: SessionId
    turn_id: TurnId
    by: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTurn:
    """A running turn is stopped by its driver, which closes the model's socket and settles.

    One that waits, in a queue or for a person, has no driver and is ended here. Asking again
    changes nothing.
    """

    reader: TurnReader
    signals: TurnSignals
    drivers: TurnDrivers
    watchers: Watchers
    end: EndTurn

    async def __call__(self, command: CancelTurnCommand) -> Turn:
        """Ask for the cancellation and wait for it; the turn as it is then.

        Raises:
            TurnNotFoundError: The session has no such turn.
            TurnAlreadyEndedError: It was answered or failed first.
        """
        turn = await self._turn(command)
        if turn.session_id != command.session_id:
            raise TurnNotFoundError(str(command.turn_id))
        try:
            async with timeout(PATIENCE_SECONDS):
                while not turn.state.final:
                    await self._ask(turn, command.by)
                    turn = await self._turn(command)
        except TimeoutError:
            return turn
        if turn.state is not TurnState.CANCELLED:
            raise TurnAlreadyEndedError(str(turn.id), turn.state.name)
        return turn

    async def _turn(self, command: CancelTurnCommand) -> Turn:
        """The turn, as far as it can be read: for its end that is enough."""
        return await told_turn(self.reader, command.tenant_id, command.turn_id)

    async def _ask(self, turn: Turn, by: str) -> None:
        """Do what cancels the turn in its present state; it may have left that state by then."""
        running = self.drivers.find(turn.id)
        if running is not None and running.tenant_id == turn.tenant_id:
            running.cancel(by)
            await running.ended.wait()
        elif turn.state in IDLE:
            await self.end.cancel(turn, by)
        else:
            await self.signals.cancel(turn.tenant_id, turn.id, by)
            await self.signals.watch(turn.tenant_id, turn.id)
            await self.watchers.wait(turn.id, LOOK_SECONDS)
