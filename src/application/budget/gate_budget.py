"""Hold what an action may use before it runs."""

from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets, ReserveHolds
from application.kernel.ports import IdentifierSource
from domain.budget.account import Account, AccountKind, Hold
from domain.budget.granting import check_sum
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import RequestId, ReservationId, TenantId
from domain.kernel.metering import BUDGET_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBudgetCommand:
    """`digest` is of the request's content. `accounts` are those beside the tenant's own."""

    tenant_id: TenantId
    quantities: tuple[Quantity, ...]
    accounts: tuple[Account, ...]
    seconds: float
    request_id: RequestId
    digest: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GateBudget:
    """Admit an action by a hold in the tenant's account and in every other that has a limit."""

    budgets: Budgets
    identifiers: IdentifierSource

    async def __call__(self, command: GateBudgetCommand) -> Reservation:
        """The reservation, once per request id.

        A metric that is not checked before use is held with nothing: it never refuses, and its use
        is settled like any other.

        Raises:
            InvalidArgumentError: No metric is named, or one that is a level.
            BudgetExhaustedError: A quantity does not fit an account.
            AccountNotFoundError: The tenant has no limit for a metric.
            IdempotencyKeyReusedError: The request id is known with other content.
        """
        if not command.quantities:
            raise InvalidArgumentError("amounts", "name at least one")
        for quantity in command.quantities:
            check_sum("amounts", quantity.metric)
        return await self.budgets.reserve(
            ReserveHolds(
                tenant_id=command.tenant_id,
                reservation_id=ReservationId(self.identifiers.next()),
                request_id=command.request_id,
                digest=command.digest,
                holds=_holds(command),
                seconds=command.seconds,
            )
        )


def _holds(command: GateBudgetCommand) -> tuple[Hold, ...]:
    tenant_id = command.tenant_id
    own = Account(AccountKind.TENANT, str(tenant_id)).id_in(tenant_id)
    named = {account.id_in(tenant_id) for account in command.accounts} - {own}
    return tuple(
        Hold(account_id, quantity.metric, _held(quantity), required=account_id == own)
        for quantity in command.quantities
        for account_id in (own, *sorted(named))
    )


def _held(quantity: Quantity) -> int:
    return quantity.amount if BUDGET_METRICS[quantity.metric].checked_before_use else 0
