"""Accounts and reservations in process memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import final

from adapters.inmemory.booking import Settlement
from adapters.inmemory.requests import InMemoryRequests
from adapters.inmemory.store import InMemoryStore, StoredReservation
from application.budget.ports import Limit, MetricUsage, ReserveHolds
from application.kernel.ports import Clock
from domain.budget.account import Account, Balance, Hold, Use
from domain.budget.errors import ReservationNotFoundError
from domain.budget.granting import check_limit, merged, summed
from domain.budget.period import period_of
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation, ReservationState
from domain.kernel.errors import EtagMismatchError, IdempotencyKeyReusedError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import AccountId, ReservationId, TenantId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from domain.kernel.storable_text import check_storable


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryBudgets:
    store: InMemoryStore
    clock: Clock
    requests: InMemoryRequests = field(default_factory=InMemoryRequests)
    versions: dict[tuple[TenantId, Account, Metric], int] = field(
        default_factory=dict[tuple[TenantId, Account, Metric], int]
    )

    async def reserve(self, command: ReserveHolds) -> Reservation:
        check_storable("request_id", command.request_id)
        holds = merged(command.holds)
        key = command.tenant_id, command.request_id
        if known := self.store.reservation_requests.get(key):
            if known[0] != command.digest:
                raise IdempotencyKeyReusedError(command.request_id)
            return self.store.reservations[command.tenant_id, known[1]].reservation
        now = self.clock.now()
        period = period_of(now)
        binding, hold = self.store.grant(command.tenant_id, period, holds)

        hold()
        reservation = Reservation(
            id=command.reservation_id,
            tenant_id=command.tenant_id,
            holds=binding,
            state=ReservationState.HELD,
            expires_at=now + timedelta(seconds=command.seconds),
        )
        self.store.reservation_requests[key] = command.digest, reservation.id
        return self._keep(StoredReservation(reservation=reservation, period=period))

    async def extend(
        self, tenant_id: TenantId, reservation_id: ReservationId, step: int, holds: Sequence[Hold]
    ) -> Reservation:
        more = merged(holds)
        stored = self._found(tenant_id, reservation_id)
        if not stored.reservation.extends(stored.step, step):
            return stored.reservation
        binding, hold = self.store.grant(tenant_id, stored.period, more)

        hold()
        reservation = replace(
            stored.reservation, holds=merged((*stored.reservation.holds, *binding))
        )
        return self._keep(replace(stored, reservation=reservation, step=step))

    async def settle(
        self,
        tenant_id: TenantId,
        reservation_id: ReservationId,
        uses: Sequence[Use],
        events: Sequence[DomainEvent] = (),
    ) -> Reservation:
        used = summed(uses)
        stored = self._found(tenant_id, reservation_id)
        quantities = tuple(Quantity(use.metric, use.amount) for use in used)
        if not stored.reservation.settles(quantities):
            return stored.reservation

        settlement = Settlement(
            tenant_id=tenant_id,
            reference_id=reservation_id,
            step=1,
            round=stored.step,
            period=stored.period,
            holds=stored.reservation.holds,
        )
        booked = self.store.settle(settlement, used)
        ended = stored.reservation.ended(ReservationState.SETTLED)
        self.store.publish(*events)
        settled = replace(
            ended,
            holds=(*ended.holds, *booked.added),
            uses=quantities,
            overruns=booked.overruns,
        )
        return self._keep(replace(stored, reservation=settled))

    async def release(self, tenant_id: TenantId, reservation_id: ReservationId) -> Reservation:
        stored = self._found(tenant_id, reservation_id)
        if stored.reservation == stored.reservation.ended(ReservationState.RELEASED):
            return stored.reservation

        return self._release(stored)

    async def release_expired(self, limit: int) -> int:
        now = self.clock.now()
        expired = [
            stored
            for _, stored in sorted(self.store.reservations.items())
            if stored.reservation.state is ReservationState.HELD
            and stored.reservation.expires_at < now
        ]
        return len([self._release(stored) for stored in expired[:limit]])

    async def usage(
        self, tenant_id: TenantId, account_id: AccountId, period: date | None
    ) -> Sequence[MetricUsage]:
        current = period_of(self.clock.now())
        month = period or current
        if month == current:
            self.store.open_accounts(tenant_id, month)
        found = [
            MetricUsage(account_id, metric, month, balance)
            for (owner, account, metric, start), balance in self.store.balances.items()
            if (owner, account, start) == (tenant_id, account_id, month)
        ]
        return sorted(found, key=lambda usage: usage.metric.code)

    async def limits(self, tenant_id: TenantId) -> Sequence[Limit]:
        found = [
            Limit(account, metric, amount, self.versions.get(place, 1))
            for place, amount in self.store.limits.items()
            for owner, account, metric in (place,)
            if owner == tenant_id
        ]
        return sorted(
            found,
            key=lambda limit: (limit.account.kind, limit.account.name, limit.metric.code),
        )

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
        earlier = self.requests.earlier(tenant_id, request)
        if earlier is not None:
            return replace(limit, version=int(earlier))
        place = tenant_id, limit.account, limit.metric
        known = next(
            (one for one in await self.limits(tenant_id) if (one.account, one.metric) == place[1:]),
            None,
        )
        if etag and (known is None or known.etag != etag):
            raise EtagMismatchError(limit.name)
        changed = limit if known is None else known.changed(limit.amount)
        self.requests.keep(tenant_id, request, str(changed.version))
        self.versions[place] = changed.version
        self._limit(tenant_id, changed)
        self.store.publish(*events)
        return changed

    def _limit(self, tenant_id: TenantId, limit: Limit) -> None:
        amount, month = limit.amount, period_of(self.clock.now())
        self.store.open_accounts(tenant_id, month)
        self.store.limits[tenant_id, limit.account, limit.metric] = amount
        place = tenant_id, limit.account.id_in(tenant_id), limit.metric, month
        if (balance := self.store.balances.get(place)) is None:
            self.store.open_account(place, Balance(amount))
        else:
            self.store.balances[place] = balance.limited(amount)

    def _found(self, tenant_id: TenantId, reservation_id: ReservationId) -> StoredReservation:
        stored = self.store.reservations.get((tenant_id, reservation_id))
        if stored is None:
            raise ReservationNotFoundError(str(reservation_id))
        return stored

    def _release(self, stored: StoredReservation) -> Reservation:
        held = stored.reservation
        self.store.release(held.tenant_id, stored.period, held.holds)
        return self._keep(replace(stored, reservation=held.ended(ReservationState.RELEASED)))

    def _keep(self, stored: StoredReservation) -> Reservation:
        reservation = stored.reservation
        self.store.reservations[reservation.tenant_id, reservation.id] = stored
        return reservation
