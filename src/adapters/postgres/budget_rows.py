"""Rows of accounts and reservations, as the functions of the database return them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from application.budget.ports import Limit, MetricUsage
from domain.budget.account import Account, AccountKind, Balance, Hold
from domain.budget.errors import ReservationNotFoundError
from domain.budget.granting import refusal_of
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation, ReservationState
from domain.kernel.identifiers import AccountId, ReservationId, TenantId
from domain.kernel.metering import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRow:
    """A reservation as the functions return it; all None where there is none."""

    condition: int | None
    accounts: list[UUID] | None
    metrics: list[int] | None
    amounts: list[int] | None
    expiry: datetime | None

    def of(self, tenant_id: TenantId, reservation_id: ReservationId) -> Reservation:
        """The reservation in the condition that was found.

        Raises:
            ReservationNotFoundError: There is none.
        """
        if self.condition is None or self.expiry is None:
            raise ReservationNotFoundError(str(reservation_id))
        return Reservation(
            id=reservation_id,
            tenant_id=tenant_id,
            holds=self._holds(),
            state=ReservationState(self.condition),
            expires_at=self.expiry,
        )

    def _holds(self) -> tuple[Hold, ...]:
        lines = zip(self.accounts or (), self.metrics or (), self.amounts or (), strict=True)
        return tuple(
            Hold(AccountId(account), Metric.of(metric), amount) for account, metric, amount in lines
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedRow(ReservationRow):
    """With the place of the hold that was refused, and what its account had left."""

    refused: int | None
    remaining: int | None

    def check(self, holds: Sequence[Hold]) -> None:
        """Raises: BudgetExhaustedError, AccountNotFoundError: A hold was refused."""
        _check(holds, self.refused, self.remaining)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledRow(ReservationRow):
    """With what was used, and overrun, where it is settled."""

    used_metrics: list[int] | None
    used_amounts: list[int] | None
    overruns: list[int] | None

    def of(self, tenant_id: TenantId, reservation_id: ReservationId) -> Reservation:
        """The same with what was used.

        Raises:
            ReservationNotFoundError: There is none.
        """
        lines = zip(self.used_metrics or (), self.used_amounts or (), strict=True)
        return replace(
            super(SettledRow, self).of(tenant_id, reservation_id),
            uses=tuple(Quantity(Metric.of(metric), amount) for metric, amount in lines),
            overruns=tuple(self.overruns or ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedRow(SettledRow):
    """With the hold that was refused, as a `GrantedRow`."""

    refused: int | None
    remaining: int | None
    reservation: UUID | None
    content: bytes | None

    def check(self, holds: Sequence[Hold]) -> None:
        _check(holds, self.refused, self.remaining)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedRow(GrantedRow):
    taken: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedRow(ReservationRow):
    released: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredRow:
    tenant: UUID
    reservation: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    kind: str
    name: str
    metric: int
    amount: int | None
    version: int

    def limit(self) -> Limit:
        account = Account(AccountKind(self.kind), self.name)
        return Limit(account, Metric.of(self.metric), self.amount, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSetRow:
    outcome: int
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    metric: int
    month: date
    limit_amount: int | None
    spent: int
    held: int
    overrun: int
    warned: int

    def of(self, account_id: AccountId) -> MetricUsage:
        balance = Balance(self.limit_amount, self.spent, self.held, self.overrun, self.warned)
        return MetricUsage(account_id, Metric.of(self.metric), self.month, balance)


def _check(holds: Sequence[Hold], refused: int | None, remaining: int | None) -> None:
    if refused is not None:
        raise refusal_of(holds[refused - 1], remaining)
