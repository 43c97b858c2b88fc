"""End a reservation with what was used."""

from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets
from domain.budget.account import Use
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation
from domain.kernel.identifiers import ReservationId, TenantId
from domain.kernel.metering import PRICE_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleBudgetCommand:
    """A metric of the reservation that is not named was not used."""

    tenant_id: TenantId
    reservation_id: ReservationId
    used: tuple[Quantity, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SettleBudget:
    """Spend what was used, at the list prices of now, and free the rest."""

    budgets: Budgets

    async def __call__(self, command: SettleBudgetCommand) -> Reservation:
        """The settled reservation; what does not fit its limits is overrun, never a refusal.

        Raises:
            InvalidArgumentError: A sum of one metric's amounts is out of range.
            ReservationNotFoundError: No such reservation of this tenant.
            ReservationEndedError: It was released before, or settled with other amounts.
        """
        uses = tuple(
            Use(quantity.metric, quantity.amount, PRICE_VERSION) for quantity in command.used
        )
        return await self.budgets.settle(command.tenant_id, command.reservation_id, uses)
