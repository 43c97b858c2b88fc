"""What the budget use cases need from the outside world."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, Self

from domain.budget.account import Account, Balance, Hold, Use
from domain.budget.events import BudgetWarning
from domain.budget.reservation import Reservation
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import AccountId, ReservationId, TenantId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveHolds:
    """Holds for `seconds`, by database time, once per request id."""

    tenant_id: TenantId
    reservation_id: ReservationId
    request_id: str
    digest: bytes
    holds: tuple[Hold, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A standing limit, from which each period's balance is made; None is unlimited.

    `version` counts its changes, from 1.
    """

    account: Account
    metric: Metric
    amount: int | None
    version: int = 1

    @property
    def etag(self) -> str:
        return str(self.version)

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"the {self.metric} limit of {self.account.kind} {self.account.name}"

    def changed(self, amount: int | None) -> Self:
        """The limit under another amount; under the same one it stays as it is."""
        if amount == self.amount:
            return self
        return replace(self, amount=amount, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class MetricUsage:
    account_id: AccountId
    metric: Metric
    period: date
    balance: Balance


class Budgets(Protocol):
    """Accounts and reservations; each call is one atomic step and may be repeated."""

    async def reserve(self, command: ReserveHolds) -> Reservation:
        """Hold everything or nothing.

        Raises:
            InvalidArgumentError: A hold is of a level, or out of range.
            BudgetExhaustedError: A hold does not fit its account.
            AccountNotFoundError: A required account has no limit for the metric.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def extend(
        self, tenant_id: TenantId, reservation_id: ReservationId, step: int, holds: Sequence[Hold]
    ) -> Reservation:
        """Hold more in the reservation's period; the same step again changes nothing.

        Raises:
            InvalidArgumentError: A hold is of a level, or out of range.
            BudgetExhaustedError: It does not fit; nothing was changed.
            ReservationNotFoundError: No such reservation of this tenant.
            ReservationEndedError: It was settled or released.
        """
        ...

    async def settle(
        self,
        tenant_id: TenantId,
        reservation_id: ReservationId,
        uses: Sequence[Use],
        events: Sequence[DomainEvent] = (),
    ) -> Reservation:
        """End the reservation with what was used; the same again changes nothing.

        What was used of a metric that was not held is over a hold of nothing, which the answer
        has after the others, in every account of the reservation that has a limit for it.
        `events` are published with it, and not again when it is repeated.

        Raises:
            InvalidArgumentError: A use is of a level, or out of range.
            ReservationNotFoundError: No such reservation of this tenant.
            ReservationEndedError: It was released before, or settled with other amounts.
        """
        ...

    async def release(self, tenant_id: TenantId, reservation_id: ReservationId) -> Reservation:
        """Give everything back.

        Raises:
            ReservationNotFoundError: No such reservation of this tenant.
            ReservationEndedError: It was settled before.
        """
        ...

    async def release_expired(self, limit: int) -> int:
        """Release reservations of all tenants whose time is over; how many."""
        ...

    async def usage(
        self, tenant_id: TenantId, account_id: AccountId, period: date | None
    ) -> Sequence[MetricUsage]:
        """The account's balances of a month (its first day), by default the current one."""
        ...

    async def limits(self, tenant_id: TenantId) -> Sequence[Limit]: ...

    async def set_limit(
        self,
        tenant_id: TenantId,
        limit: Limit,
        *,
        etag: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Limit:
        """Set a standing limit and the current period's, under the tenant's lock.

        `events` are published with it, and not again when it is repeated.

        The limit's own version is not looked at. The same request again gives the first answer.

        Raises:
            EtagMismatchError: An etag was given, and the limit has another or does not exist.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        ...


class ReservationObserver(Protocol):
    """Who measures reservations."""

    def released(self, reservations: int) -> None:
        """So many were given back since their time was over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedLimit:
    """What was spent has passed `percents` of a limit, ascending, of which nobody was told yet."""

    tenant_id: TenantId
    account: Account
    metric: Metric
    period: date
    limit: int
    spent: int
    percents: tuple[int, ...]


class BudgetWarnings(Protocol):
    """Warnings that settlements have made due; each is told once a period."""

    async def due(self, limit: int) -> Sequence[PassedLimit]:
        """Those of all tenants, at most so many accounts."""
        ...

    async def announce(self, warning: BudgetWarning) -> bool:
        """Publish a warning in one step with its being told; False when it was told before."""
        ...
