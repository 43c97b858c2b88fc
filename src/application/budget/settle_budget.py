"""End a reservation with what was used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets
from application.kernel.ports import Clock, IdentifierSource
from domain.budget.account import Use
from domain.budget.events import UsageLine, UsageRecorded
from domain.budget.granting import summed
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation
from domain.kernel.identifiers import EventId, ReservationId, TenantId
from domain.kernel.metering import PRICE_VERSION
from domain.kernel.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleBudgetCommand:
    """A metric of the reservation that is not named was not used."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    reservation_id: ReservationId
    used: tuple[Quantity, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SettleBudget:
    """Spend what was used, at the list prices of now, and free the rest."""

    budgets: Budgets
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: SettleBudgetCommand) -> Reservation:
        """The settled reservation; what does not fit its limits is overrun, never a refusal.

        Raises:
            InvalidArgumentError: A sum of one metric's amounts is out of range, or one is a level.
            ReservationNotFoundError: No such reservation of this tenant.
            ReservationEndedError: It was released before, or settled with other amounts.
        """
        uses = tuple(
            Use(quantity.metric, quantity.amount, PRICE_VERSION) for quantity in command.used
        )
        return await self.budgets.settle(
            command.tenant_id, command.reservation_id, uses, self._recorded(command, summed(uses))
        )

    def _recorded(
        self, command: SettleBudgetCommand, used: Sequence[Use]
    ) -> tuple[UsageRecorded, ...]:
        """What is billed: the ledger's lines; nothing where nothing was used."""
        lines = tuple(UsageLine.of(use) for use in used if use.amount)
        recorded = UsageRecorded(
            id=EventId(self.identifiers.next()),
            tenant_id=command.tenant_id,
            key=command.tenant_id,
            occurred_at=self.clock.now(),
            tenant=command.tenant,
            session_id=None,
            turn_id=None,
            subject=command.principal.subject,
            lines=lines,
            reservation_id=command.reservation_id,
        )
        return (recorded,) if lines else ()
