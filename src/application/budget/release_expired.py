"""Give back what is reserved for longer than was asked for."""

from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets, ReservationObserver


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseExpired:
    """Any server may; each reservation is given back once."""

    budgets: Budgets
    observer: ReservationObserver

    async def __call__(self, limit: int) -> int:
        """Give back so many at most, of all tenants; how many."""
        released = await self.budgets.release_expired(limit)
        self.observer.released(released)
        return released
