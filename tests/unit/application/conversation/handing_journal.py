"""A journal that hands every step on; a test says which ones it does otherwise."""

from dataclasses import dataclass

from application.conversation.ports.journal import (
    AcceptTurn,
    ExtendTurn,
    Finished,
    FinishTurn,
    Grant,
    PauseTurn,
    ResumeTurn,
    TakeOnTurn,
    TurnJournal,
)


@dataclass(slots=True)
class HandingJournal:
    journal: TurnJournal

    async def accept(self, command: AcceptTurn) -> Grant:
        return await self.journal.accept(command)

    async def extend(self, command: ExtendTurn) -> float:
        return await self.journal.extend(command)

    async def pause(self, command: PauseTurn) -> None:
        await self.journal.pause(command)

    async def resume(self, command: ResumeTurn) -> Grant:
        return await self.journal.resume(command)

    async def take_on(self, command: TakeOnTurn) -> Grant:
        return await self.journal.take_on(command)

    async def finish(self, command: FinishTurn) -> Finished:
        return await self.journal.finish(command)
