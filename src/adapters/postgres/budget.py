"""Accounts and reservations in PostgreSQL."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, TypeVar, final

from psycopg.rows import class_row

from adapters.postgres.batches import Outcome
from adapters.postgres.budget_rows import (
    ExpiredRow,
    ExtendedRow,
    LimitRow,
    LimitSetRow,
    ReleasedRow,
    ReservationRow,
    ReservedRow,
    SettledRow,
    UsageRow,
)
from adapters.postgres.database import Database
from adapters.postgres.outgoing import FACTS, Outgoing
from application.budget.ports import Limit, MetricUsage, ReserveHolds
from domain.budget.account import Hold, Use
from domain.budget.granting import check_limit, merged, summed
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation, ReservationState
from domain.kernel.errors import (
    EtagMismatchError,
    IdempotencyKeyReusedError,
    StorageUnavailableError,
)
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import AccountId, ReservationId, TenantId
from domain.kernel.request_key import RequestKey
from domain.kernel.storable_text import check_storable

PATIENCE: Final = timedelta(seconds=5)
"""How long a call waits for its tenant's row."""

Parameters = dict[str, object]


_AnyRow = TypeVar("_AnyRow", bound=ReservationRow)


@final
@dataclass(frozen=True, slots=True)
class PostgresBudgets:
    """Each call is one function under the tenant's lock, through the writer's login."""

    database: Database
    outgoing: Outgoing

    async def reserve(self, command: ReserveHolds) -> Reservation:
        check_storable("request_id", command.request_id)
        holds = merged(command.holds)
        found = await self._one(
            ReservedRow,
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
        reservation_id = ReservationId(found.reservation or command.reservation_id)
        return found.of(command.tenant_id, reservation_id)

    async def extend(
        self, tenant_id: TenantId, reservation_id: ReservationId, step: int, holds: Sequence[Hold]
    ) -> Reservation:
        more = merged(holds)
        named: Parameters = {"tenant": tenant_id, "reservation": reservation_id, "step": step}
        found = await self._one(ExtendedRow, _EXTEND, _columns(more) | named)
        found.check(more)
        reservation = found.of(tenant_id, reservation_id)
        reservation.extends(found.taken or 0, step)
        return reservation

    async def settle(
        self,
        tenant_id: TenantId,
        reservation_id: ReservationId,
        uses: Sequence[Use],
        events: Sequence[DomainEvent] = (),
    ) -> Reservation:
        used = summed(uses)
        found = await self._one(
            SettledRow,
            _SETTLE,
            {
                "tenant": tenant_id,
                "reservation": reservation_id,
                "metrics": [use.metric.code for use in used],
                "amounts": [use.amount for use in used],
                "prices": [use.price_version for use in used],
                **self.outgoing.named(events),
            },
        )
        reservation = found.of(tenant_id, reservation_id)
        reservation.settles(Quantity(use.metric, use.amount) for use in used)
        return reservation.ended(ReservationState.SETTLED)

    async def release(self, tenant_id: TenantId, reservation_id: ReservationId) -> Reservation:
        found = await self._release(tenant_id, reservation_id, expired=False)
        return found.of(tenant_id, reservation_id).ended(ReservationState.RELEASED)

    async def release_expired(self, limit: int) -> int:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(ExpiredRow))
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
            cursor = connection.cursor(row_factory=class_row(UsageRow))
            await cursor.execute(_USAGE, (tenant_id, account_id, period))
            return [row.of(account_id) for row in await cursor.fetchall()]

    async def limits(self, tenant_id: TenantId) -> Sequence[Limit]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(LimitRow))
            await cursor.execute(_LIMITS, (tenant_id,))
            rows = await cursor.fetchall()
        ordered = sorted(rows, key=lambda row: (row.kind, row.name, row.metric))
        return [row.limit() for row in ordered]

    async def set_limit(
        self,
        tenant_id: TenantId,
        limit: Limit,
        *,
        etag: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Limit:
        check_limit(limit.amount)
        check_storable("account", limit.account.name)
        check_storable("etag", etag)
        parameters: Parameters = {
            "tenant": tenant_id,
            "patience": PATIENCE,
            "account": limit.account.id_in(tenant_id),
            "kind": limit.account.kind.value,
            "name": limit.account.name,
            "metric": limit.metric.code,
            "amount": limit.amount,
            "etag": etag,
            "method": request.method,
            "request": request.request_id,
            "digest": request.digest,
            **self.outgoing.named(events),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(LimitSetRow))
            await cursor.execute(_SET_LIMIT, parameters)
            (found,) = await cursor.fetchall()
        if found.outcome == Outcome.KEY_REUSED:
            raise IdempotencyKeyReusedError(request.request_id)
        if found.version is None:
            raise EtagMismatchError(limit.name)
        return replace(limit, version=found.version)

    async def _release(
        self, tenant_id: TenantId, reservation_id: ReservationId, *, expired: bool
    ) -> ReleasedRow:
        named: Parameters = {"tenant": tenant_id, "reservation": reservation_id, "expired": expired}
        return await self._one(ReleasedRow, _RELEASE, named)

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
_SETTLE: Final = (
    b"""
select * from settle_reservation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(reservation)s,
    %(metrics)s::smallint[], %(amounts)s::bigint[], %(prices)s::integer[],
"""
    + FACTS
)
_RELEASE: Final = b"""
select * from release_reservation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(reservation)s,
    %(expired)s)
"""
_SET_LIMIT: Final = (
    b"""
select * from set_limit(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(account)s, %(kind)s,
    %(name)s, %(metric)s::smallint, %(amount)s::bigint, %(etag)s, %(method)s, %(request)s,
    %(digest)s,
"""
    + FACTS
)
_EXPIRED: Final = (
    b"select tenant_id as tenant, reservation_id as reservation from expired_reservations(%s)"
)
_USAGE: Final = b"select * from account_usage(%s, %s, %s::date)"
_LIMITS: Final = b"select * from standing_limits(%s)"
