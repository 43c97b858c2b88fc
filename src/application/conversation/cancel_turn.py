"""Cancel a turn, wherever it is driven."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.end_turn import EndTurn
from application.conversation.ports import TurnReader, TurnSignals
from application.conversation.turn_drivers import TurnDrivers
from domain.conversation.turn import Turn, TurnState
from domain.kernel.identifiers import TenantId, TurnId

IDLE: Final = (TurnState.QUEUED, TurnState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTurnCommand:
    tenant_id: TenantId
    turn_id: TurnId
    by: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTurn:
    """A running turn is stopped by its driver, which closes the model's socket and settles.

    One that waits, in a queue or for a person, has no driver and is ended here. A turn that has
    ended stays as it ended; asking again changes nothing.
    """

    reader: TurnReader
    signals: TurnSignals
    drivers: TurnDrivers
    end: EndTurn

    async def __call__(self, command: CancelTurnCommand) -> Turn:
        """Ask for the cancellation; the turn as it is then.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
        """
        turn = await self.reader.turn(command.tenant_id, command.turn_id)
        if turn.state.final:
            return turn
        running = self.drivers.find(command.turn_id)
        if running is not None:
            running.cancel(command.by)
            await running.ended.wait()
        elif turn.state in IDLE:
            await self.end.cancel(turn, command.by)
        else:
            await self.signals.cancel(command.tenant_id, command.turn_id, command.by)
        return await self.reader.turn(command.tenant_id, command.turn_id)
