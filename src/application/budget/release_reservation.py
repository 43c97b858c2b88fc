"""End a reservation of which nothing was used."""

from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets
from domain.budget.reservation import Reservation
from domain.kernel.identifiers import ReservationId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReservationCommand:
    tenant_id: TenantId
    reservation_id: ReservationId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReservation:
    budgets: Budgets

    async def __call__(self, command: ReleaseReservationCommand) -> Reservation:
        """The released reservation.

        Raises:
            ReservationNotFoundError: No such reservation of this tenant.
            ReservationEndedError: It was settled before.
        """
        return await self.budgets.release(command.tenant_id, command.reservation_id)
