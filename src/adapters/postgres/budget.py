"""Accounts and reservations in PostgreSQL."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TypeVar, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Database
from application.budget.ports import Limit, MetricUsage, ReserveHolds
from domain.budget.account import Account, AccountKind, Balance, Hold, Use
from domain.budget.errors import ReservationNotFoundError
from domain.budget.granting import check_limit, merged, refusal_of, summed
from domain.budget.reservation import Reservation, ReservationState
from domain.kernel.errors import IdempotencyKeyReusedError, StorageUnavailableError
from domain.kernel.identifiers import AccountId, ReservationId, TenantId
from domain.kernel.metering import Metric
from domain.kernel.storable_text import check_storable

PATIENCE: Final = timedelta(seconds=5)
"""How long a call waits for its tenant's row."""

Parameters = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A reservation as the functions return it; all None where there is none."""

    condition: int | None
    accounts: list[UUID] | None
    metrics: list[int] | None
    amounts: list[int] | None
    expiry: datetime | None

    def holds(self) -> tuple[Hold, ...]:
        lines = zip(self.accounts or (), self.metrics or (), self.amounts or (), strict=True)
        return tuple(
            Hold(AccountId(account), Metric.of(metric), amount) for account, metric, amount in lines
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted(_Row):
    """With the place of the hold that was refused, and what its account had left."""

    refused: int | None
    remaining: int | None

    def check(self, holds: Sequence[Hold]) -> None:
        if self.refused is not None:
            raise refusal_of(holds[self.refused - 1], self.remaining)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reserved(_Granted):
    reservation: UUID | None
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extended(_Granted):
    taken: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Released(_Row):
    released: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expired:
    tenant: UUID
    reservation: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    kind: str
    name: str
    metric: int
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
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


_AnyRow = TypeVar("_AnyRow", bound=_Row)


@final
@dataclass(frozen=True, slots=True)
class PostgresBudgets:
    """Each call is one function under the tenant's lock, through the writer's login."""

    database: Database

    async def reserve(self, command: ReserveHolds) -> Reservation:
        check_storable("request_id", command.request_id)
        holds = merged(command.holds)
        found = await self._one(
            _Reserved,
            _RESERVE,
            _columns(holds)
            | {
                "tenant": command.tenant_id,
                "reservation": command.reservation_id,
                "request": command.request_id,
                "digest": command.digest,
                "lifetime": timedelta(seconds=command.seconds),
            },
        )
        found.check(holds)
        if found.content != command.digest:
            raise IdempotencyKeyReusedError(command.request_id)
        return _reservation(
            command.tenant_id, ReservationId(found.reservation or command.reservation_id), found
        )

    async def extend(
        self, tenant_id: TenantId, reservation_id: ReservationId, step: int, holds: Sequence[Hold]
    ) -> Reservation:
        more = merged(holds)
        named: Parameters = {"tenant": tenant_id, "reservation": reservation_id, "step": step}
        found = await self._one(_Extended, _EXTEND, _columns(more) | named)
        found.check(more)
        reservation = _reservation(tenant_id, reservation_id, found)
        reservation.extends(found.taken or 0, step)
        return reservation

    async def settle(
        self, tenant_id: TenantId, reservation_id: ReservationId, uses: Sequence[Use]
    ) -> Reservation:
        used = summed(uses)
        found = await self._one(
            _Row,
            _SETTLE,
            {
                "tenant": tenant_id,
                "reservation": reservation_id,
                "metrics": [use.metric.code for use in used],
                "amounts": [use.amount for use in used],
                "prices": [use.price_version for use in used],
            },
        )
        return _reservation(tenant_id, reservation_id, found).ended(ReservationState.SETTLED)

    async def release(self, tenant_id: TenantId, reservation_id: ReservationId) -> Reservation:
        found = await self._release(tenant_id, reservation_id, expired=False)
        return _reservation(tenant_id, reservation_id, found).ended(ReservationState.RELEASED)

    async def release_expired(self, limit: int) -> int:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Expired))
            await cursor.execute(_EXPIRED, (limit,))
            expired = await cursor.fetchall()
        count = 0
        for row in expired:
            # One tenant whose row stays locked must not keep the others waiting for the next sweep.
            with suppress(StorageUnavailableError):
                found = await self._release(
                    TenantId(row.tenant), ReservationId(row.reservation), expired=True
                )
                count += found.released is True
        return count

    async def usage(
        self, tenant_id: TenantId, account_id: AccountId, period: date | None
    ) -> Sequence[MetricUsage]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Usage))
            await cursor.execute(_USAGE, (tenant_id, account_id, period))
            return [row.of(account_id) for row in await cursor.fetchall()]

    async def limits(self, tenant_id: TenantId) -> Sequence[Limit]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Limit))
            await cursor.execute(_LIMITS, (tenant_id,))
            rows = await cursor.fetchall()
        return [
            Limit(Account(AccountKind(row.kind), row.name), Metric.of(row.metric), row.amount)
            for row in sorted(rows, key=lambda row: (row.kind, row.name, row.metric))
        ]

    async def set_limit(self, tenant_id: TenantId, limit: Limit) -> None:
        check_limit(limit.amount)
        check_storable("account", limit.account.name)
        parameters: Parameters = {
            "tenant": tenant_id,
            "patience": PATIENCE,
            "account": limit.account.id_in(tenant_id),
            "kind": limit.account.kind.value,
            "name": limit.account.name,
            "metric": limit.metric.code,
            "amount": limit.amount,
        }
        async with self.database.writing() as connection:
            await connection.execute(_SET_LIMIT, parameters)

    async def _release(
        self, tenant_id: TenantId, reservation_id: ReservationId, *, expired: bool
    ) -> _Released:
        named: Parameters = {"tenant": tenant_id, "reservation": reservation_id, "expired": expired}
        return await self._one(_Released, _RELEASE, named)

    async def _one(self, kind: type[_AnyRow], sql: bytes, parameters: Parameters) -> _AnyRow:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(kind))
            await cursor.execute(sql, parameters | {"patience": PATIENCE})
            (row,) = await cursor.fetchall()
        return row


def _columns(holds: Sequence[Hold]) -> Parameters:
    return {
        "accounts": [hold.account_id for hold in holds],
        "metrics": [hold.metric.code for hold in holds],
        "amounts": [hold.amount for hold in holds],
        "required": [hold.required for hold in holds],
    }


def _reservation(tenant_id: TenantId, reservation_id: ReservationId, found: _Row) -> Reservation:
    if found.condition is None or found.expiry is None:
        raise ReservationNotFoundError(str(reservation_id))
    return Reservation(
        id=reservation_id,
        tenant_id=tenant_id,
        holds=found.holds(),
        state=ReservationState(found.condition),
        expires_at=found.expiry,
    )


_RESERVE: Final = b"""
select * from reserve_holds(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(reservation)s, %(request)s,
    %(digest)s, %(lifetime)s,
    %(accounts)s::uuid[], %(metrics)s::smallint[], %(amounts)s::bigint[], %(required)s::boolean[])
"""
_EXTEND: Final = b"""
select * from extend_reservation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(reservation)s,
    %(step)s::integer,
    %(accounts)s::uuid[], %(metrics)s::smallint[], %(amounts)s::bigint[], %(required)s::boolean[])
"""
_SETTLE: Final = b"""
select * from settle_reservation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(reservation)s,
    %(metrics)s::smallint[], %(amounts)s::bigint[], %(prices)s::integer[])
"""
_RELEASE: Final = b"""
select * from release_reservation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(reservation)s,
    %(expired)s)
"""
_SET_LIMIT: Final = b"""
select set_limit(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(account)s, %(kind)s,
    %(name)s, %(metric)s::smallint, %(amount)s::bigint)
"""
_EXPIRED: Final = (
    b"select tenant_id as tenant, reservation_id as reservation from expired_reservations(%s)"
)
_USAGE: Final = b"select * from account_usage(%s, %s, %s::date)"
_LIMITS: Final = b"select * from standing_limits(%s)"
