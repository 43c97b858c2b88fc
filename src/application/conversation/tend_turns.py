"""What keeps turns going besides their drivers: lost ones are ended, signals are heard."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.continue_turns import StartPromoted
from application.conversation.end_turn import EndTurn
from application.conversation.ports.leases import TurnLeases
from application.conversation.ports.observing import TurnObserver
from application.conversation.ports.signals import Signal, SignalKind
from application.conversation.turn_drivers import TurnDrivers
from application.conversation.watch_turn import Watchers
from domain.kernel.errors import StorageUnavailableError

MOST_AT_ONCE: Final = 32


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTurns:
    """End turns whose lease has run out: their server was lost. One pass; how many there were."""

    leases: TurnLeases
    end: EndTurn
    observer: TurnObserver

    async def __call__(self) -> int:
        lost = await self.leases.take_over(MOST_AT_ONCE)
        for turn in lost:
            try:
                await self.end.abandon(turn)
            except StorageUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - one that cannot be ended keeps no other
                self.observer.broke(turn.turn.id, error)
        return len(lost)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HearSignal:
    """Act on what another process says; each of these is also looked for without a signal."""

    drivers: TurnDrivers
    watchers: Watchers
    start_promoted: StartPromoted

    async def __call__(self, signal: Signal) -> None:
        match signal.kind:
            case SignalKind.WRITTEN:
                self.watchers.ring(signal.turn_id)
            case SignalKind.WATCH:
                if signal.turn_id and (turn := self.drivers.find(signal.turn_id)):
                    turn.watched = True
                    await self.drivers.keep()
            case SignalKind.CANCEL:
                await self.drivers.look()
            case SignalKind.PROMOTED:
                await self.start_promoted()
