"""The servicer of somagent.budget.v1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Final, final

from application.budget.gate_budget import GateBudget, GateBudgetCommand
from application.budget.list_limits import ListLimits, ListLimitsQuery
from application.budget.ports import Limit
from application.budget.read_usage import PricedUsage, ReadUsage, ReadUsageQuery
from application.budget.release_reservation import ReleaseReservation, ReleaseReservationCommand
from application.budget.set_limit import SetLimit, SetLimitCommand
from application.budget.settle_budget import SettleBudget, SettleBudgetCommand
from application.kernel.ports import Clock
from domain.budget.account import Account, AccountKind, Hold
from domain.budget.errors import AccountNotFoundError
from domain.budget.period import period_of
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation, ReservationState
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import RequestId
from domain.kernel.metering import BUDGET_METRICS, Metric, Unit
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.conversation_resources import timestamp
from entrypoints.grpc.names import reservation_name, reservation_of
from entrypoints.grpc.paging import PageTokens
from entrypoints.grpc.request_ids import RequestIds
from entrypoints.grpc.requests import content_digest
from somagent.budget.v1 import budget_pb2 as pb

DEFAULT_SECONDS: Final = 300.0

BASE_UNITS: Final[Mapping[Unit, str]] = MappingProxyType(
    {
        Unit.COUNT: "count",
        Unit.MINUTES: "milliseconds",
        Unit.TOKENS: "tokens",
        Unit.GB: "bytes",
        Unit.CONCURRENT: "concurrent",
    }
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetServicer:
    """On the wire a tenant's own account bears the tenant's slug; inside, its identifier."""

    admission: Admission
    request_ids: RequestIds
    pages: PageTokens
    clock: Clock
    gate: GateBudget
    settle: SettleBudget
    release: ReleaseReservation
    read_usage: ReadUsage
    list_limits: ListLimits
    set_limit: SetLimit

    async def GateBudget(self, request: pb.GateBudgetRequest, call: Call) -> pb.GateBudgetResponse:
        async with answering(self.admission, call, request) as caller:
            accounts = tuple(_account(caller, one) for one in request.accounts)
            lifetime = request.lifetime.ToTimedelta().total_seconds()
            reservation = await self.gate(
                GateBudgetCommand(
                    tenant_id=caller.tenant_id,
                    quantities=_quantities("amounts", request.amounts),
                    accounts=accounts,
                    seconds=lifetime or DEFAULT_SECONDS,
                    request_id=RequestId(request.request_id.lower()),
                    digest=content_digest(caller, request),
                )
            )
            return pb.GateBudgetResponse(reservation=_reservation(caller, reservation, accounts))

    async def SettleBudget(
        self, request: pb.SettleBudgetRequest, call: Call
    ) -> pb.SettleBudgetResponse:
        async with answering(self.admission, call, request) as caller:
            await self.request_ids.claim(caller, request, request.request_id)
            reservation = await self.settle(
                SettleBudgetCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    tenant=caller.tenant,
                    reservation_id=reservation_of(request.reservation),
                    used=_quantities("uses", request.uses),
                )
            )
            return pb.SettleBudgetResponse(reservation=_reservation(caller, reservation))

    async def ReleaseReservation(
        self, request: pb.ReleaseReservationRequest, call: Call
    ) -> pb.ReleaseReservationResponse:
        async with answering(self.admission, call, request) as caller:
            await self.request_ids.claim(caller, request, request.request_id)
            reservation = await self.release(
                ReleaseReservationCommand(
                    tenant_id=caller.tenant_id, reservation_id=reservation_of(request.name)
                )
            )
            return pb.ReleaseReservationResponse(reservation=_reservation(caller, reservation))

    async def GetUsage(self, request: pb.GetUsageRequest, call: Call) -> pb.GetUsageResponse:
        async with answering(self.admission, call, request) as caller:
            account = _account(caller, request.account) if request.HasField("account") else None
            asked = account or Account(AccountKind.TENANT, str(caller.tenant_id))
            month = _month(request.period) if request.period else None
            found = await self.read_usage(
                ReadUsageQuery(tenant_id=caller.tenant_id, account=asked, period=month)
            )
            if not found and asked.kind is not AccountKind.TENANT:
                raise AccountNotFoundError(asked.name, "such")
            now = self.clock.now()
            period = found[0].usage.period if found else month or period_of(now)
            return pb.GetUsageResponse(
                account=_account_form(caller, asked),
                period=f"{period:%Y-%m}",
                usages=[_usage(one) for one in found],
                read_time=timestamp(now),
            )

    async def ListLimits(self, request: pb.ListLimitsRequest, call: Call) -> pb.ListLimitsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            account = _account(caller, request.account) if request.HasField("account") else None
            limits = await self.list_limits(
                ListLimitsQuery(tenant_id=caller.tenant_id, account=account)
            )
            ordered = sorted(limits, key=_place)
            rest = [one for one in ordered if not page.after or _place(one) > page.after]
            shown, token = self.pages.cut(caller, request, page, rest[: page.limit], _place)
            return pb.ListLimitsResponse(
                limits=[_limit(caller, one) for one in shown], next_page_token=token
            )

    async def SetLimit(self, request: pb.SetLimitRequest, call: Call) -> pb.SetLimitResponse:
        async with answering(self.admission, call, request) as caller:
            amount = request.limit if request.HasField("limit") else None
            limit = await self.set_limit(
                SetLimitCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    tenant=caller.tenant,
                    limit=Limit(_account(caller, request.account), _metric(request.metric), amount),
                    etag=request.etag,
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            return pb.SetLimitResponse(limit=_limit(caller, limit))


def _account(caller: Caller, given: pb.Account) -> Account:
    """An account as the domain names it.

    Raises:
        AccountNotFoundError: It is the account of another tenant.
    """
    kind = AccountKind(pb.AccountKind.Name(given.kind).removeprefix("ACCOUNT_KIND_").lower())
    if kind is not AccountKind.TENANT:
        return Account(kind, given.id)
    if given.id != caller.tenant:
        raise AccountNotFoundError(given.id, "such")
    return Account(kind, str(caller.tenant_id))


def _account_form(caller: Caller, account: Account) -> pb.Account:
    own = account.kind is AccountKind.TENANT
    return pb.Account(
        kind=pb.AccountKind.Value(f"ACCOUNT_KIND_{account.kind.name}"),
        id=caller.tenant if own else account.name,
    )


def _metric(metric: "pb.Metric.ValueType") -> Metric:
    return Metric(pb.Metric.Name(metric).removeprefix("METRIC_").lower())


def _metric_form(metric: Metric) -> "pb.Metric.ValueType":
    return pb.Metric.Value(f"METRIC_{metric.name}")


def _quantities(field: str, given: Sequence[pb.Quantity]) -> tuple[Quantity, ...]:
    metrics = [one.metric for one in given]
    if len(set(metrics)) < len(metrics):
        raise InvalidArgumentError(field, "each metric once")
    return tuple(Quantity(_metric(one.metric), one.amount) for one in given)


def _reservation(
    caller: Caller, reservation: Reservation, accounts: Sequence[Account] = ()
) -> pb.Reservation:
    own = Account(AccountKind.TENANT, str(caller.tenant_id))
    known = {one.id_in(caller.tenant_id): one for one in (own, *accounts)}
    held = reservation.state is ReservationState.HELD
    used = {one.metric: one.amount for one in reservation.uses}
    overruns = reservation.overruns or (0,) * len(reservation.holds)
    return pb.Reservation(
        name=reservation_name(caller.tenant, reservation.id),
        state=pb.ReservationState.Value(f"RESERVATION_STATE_{reservation.state.name}"),
        holds=[
            _hold(caller, hold, known.get(hold.account_id), used.get(hold.metric, 0), overrun)
            for hold, overrun in zip(reservation.holds, overruns, strict=True)
        ],
        expire_time=timestamp(reservation.expires_at) if held else None,
    )


def _hold(caller: Caller, hold: Hold, account: Account | None, used: int, overrun: int) -> pb.Hold:
    return pb.Hold(
        account=None if account is None else _account_form(caller, account),
        metric=_metric_form(hold.metric),
        held=hold.amount,
        used=used,
        overrun=overrun,
    )


def _usage(priced: PricedUsage) -> pb.MetricUsage:
    balance, metric = priced.usage.balance, priced.usage.metric
    return pb.MetricUsage(
        metric=_metric_form(metric),
        unit=BASE_UNITS[BUDGET_METRICS[metric].unit],
        limit=balance.limit,
        spent=balance.spent,
        held=balance.held,
        overrun=balance.overrun,
        remaining=balance.remaining,
    )


def _limit(caller: Caller, limit: Limit) -> pb.Limit:
    return pb.Limit(
        account=_account_form(caller, limit.account),
        metric=_metric_form(limit.metric),
        limit=limit.amount,
        etag=limit.etag,
    )


def _place(limit: Limit) -> str:
    """Where a limit stands in the list: by kind and name of its account, then by metric."""
    return f"{limit.account.kind}\0{limit.account.name}\0{limit.metric.code:02}"


def _month(period: str) -> date:
    try:
        return datetime.strptime(period, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidArgumentError("period", "must be a month, as 2026-01") from None
