"""Leases that hand every question on; a test says which one they answer otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.conversation.ports.leases import (
    Abandoned,
    Driven,
    EventBatch,
    Promoted,
    Renewal,
    TurnLeases,
    Unread,
)
from domain.conversation.turn import Turn


@dataclass(slots=True)
class HandingLeases:
    leases: TurnLeases

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        return await self.leases.renew(renewals)

    async def append(self, batches: Sequence[EventBatch]) -> Sequence[bool | None]:
        return await self.leases.append(batches)

    async def hand_back(self, turns: Sequence[Driven]) -> None:
        await self.leases.hand_back(turns)

    async def take_over(self, limit: int) -> Sequence[Abandoned]:
        return await self.leases.take_over(limit)

    async def promoted(self, limit: int) -> Sequence[Promoted]:
        return await self.leases.promoted(limit)

    async def decided(self, limit: int) -> Sequence[Turn | Unread]:
        return await self.leases.decided(limit)
