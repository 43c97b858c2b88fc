"""What keeps turns going besides their drivers: lost ones are taken on, signals are heard."""

from asyncio import gather
from dataclasses import dataclass, replace
from typing import Final, final

from application.conversation.continue_turns import StartPromoted
from application.conversation.end_turn import EndTurn
from application.conversation.ports.leases import Abandoned, TurnLeases
from application.conversation.ports.observing import TakenOver, TurnObserver
from application.conversation.ports.reading import TurnReader
from application.conversation.ports.signals import Signal, SignalKind
from application.conversation.take_over import TakeOver
from application.conversation.turn_drivers import TurnDrivers
from application.conversation.watch_turn import Watchers
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import StorageUnavailableError

MOST_AT_ONCE: Final = 32


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTurns:
    """Take on turns whose lease has run out: their server was lost. One pass; how many there were.

    A server that leaves takes on none. A turn with which something goes wrong is found again when
    its lease has run out once more, and ends when its time is over.
    """

    leases: TurnLeases
    reader: TurnReader
    take_over: TakeOver
    end: EndTurn
    drivers: TurnDrivers
    observer: TurnObserver

    async def __call__(self) -> int:
        if self.drivers.leaving:
            return 0
        lost = await self.leases.take_over(MOST_AT_ONCE)
        await gather(*(self._take(one) for one in lost))
        return len(lost)

    async def _take(self, lost: Abandoned) -> None:
        try:
            became = await self.drivers.to_the_end(self._become(lost))
        except (StorageUnavailableError, StaleFenceError):
            became = TakenOver.LEFT
        except Exception as error:  # noqa: BLE001 - one that cannot be taken on keeps no other
            became = TakenOver.BROKE
            self.observer.broke(lost.turn.id, error)
        self.observer.taken_over(became)

    async def _become(self, lost: Abandoned) -> TakenOver:
        if lost.error is not None:
            self.drivers.lose(lost.turn.id, lost.turn.fence)
            self.observer.broke(lost.turn.id, lost.error)
            known = await self.reader.outline(lost.turn.tenant_id, lost.turn.id)
            return await self.end.unread(replace(known, fence=lost.turn.fence), lost.seconds_left)
        try:
            return await self.take_over(lost)
        except (StorageUnavailableError, StaleFenceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: the turn must end some day
            self.observer.broke(lost.turn.id, error)
            return await self.end.unread(lost.turn, lost.seconds_left)


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
