"""somagent.budget.v1, from outside."""

import pytest
from google.protobuf.duration_pb2 import Duration

from somagent.budget.v1 import budget_pb2 as pb
from somagent.budget.v1 import budget_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id


def hold(slug: str, amount: int) -> pb.GateBudgetRequest:
    return pb.GateBudgetRequest(
        parent=f"tenants/{slug}",
        amounts=[pb.Quantity(metric=pb.METRIC_TOKENS, amount=amount)],
        request_id=fresh_id(),
    )


async def tokens(stage: Stage, slug: str, caller: Metadata) -> pb.MetricUsage:
    stub = rpc.BudgetServiceStub(stage.channel)
    usage = await stub.GetUsage(pb.GetUsageRequest(parent=f"tenants/{slug}"), metadata=caller.pairs)
    return next(one for one in usage.usages if one.metric == pb.METRIC_TOKENS)


async def test_what_is_held_is_settled_with_what_was_used(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    request = hold(slug, 1500)

    held = await stub.GateBudget(request, metadata=ada.pairs)
    again = await stub.GateBudget(request, metadata=ada.pairs)
    between = await tokens(stage, slug, ada)
    settled = await stub.SettleBudget(
        pb.SettleBudgetRequest(
            reservation=held.reservation.name,
            uses=[pb.Quantity(metric=pb.METRIC_TOKENS, amount=812)],
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )
    after = await tokens(stage, slug, ada)

    assert again == held
    assert [(one.held, one.used) for one in settled.reservation.holds] == [(1500, 812)]
    assert held.reservation.state == pb.RESERVATION_STATE_HELD
    assert [(one.account.id, one.held) for one in held.reservation.holds] == [(slug, 1500)]
    assert (between.held, between.spent) == (1500, 0)
    assert held.reservation.HasField("expire_time")
    assert settled.reservation.state == pb.RESERVATION_STATE_SETTLED
    assert not settled.reservation.HasField("expire_time")
    assert (after.held, after.spent, after.unit) == (0, 812, "count")
    assert after.remaining == after.limit - 812


async def test_a_settlement_shows_its_overrun_and_stands(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    limit = (await tokens(stage, slug, ada)).limit
    held = await stub.GateBudget(hold(slug, limit), metadata=ada.pairs)
    request = pb.SettleBudgetRequest(
        reservation=held.reservation.name,
        uses=[pb.Quantity(metric=pb.METRIC_TOKENS, amount=limit + 7)],
        request_id=fresh_id(),
    )

    settled = await stub.SettleBudget(request, metadata=ada.pairs)
    request.request_id = fresh_id()
    again = await stub.SettleBudget(request, metadata=ada.pairs)
    request.uses[0].amount, request.request_id = 1, fresh_id()
    other = await reason_of(stub.SettleBudget(request, metadata=ada.pairs))

    assert [(one.used, one.overrun) for one in settled.reservation.holds] == [(limit + 7, 7)]
    assert again == settled
    assert other == "RESERVATION_ENDED"
    assert (await tokens(stage, slug, ada)).overrun == 7


async def test_a_request_id_stands_for_one_content(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    request = hold(slug, 10)
    await stub.GateBudget(request, metadata=ada.pairs)
    request.lifetime.CopyFrom(Duration(seconds=7))

    refused = await reason_of(stub.GateBudget(request, metadata=ada.pairs))

    assert refused == "IDEMPOTENCY_KEY_REUSED"


async def test_what_does_not_fit_is_refused_and_holds_nothing(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)

    refused = await reason_of(stub.GateBudget(hold(slug, 10**12), metadata=ada.pairs))

    assert refused == "BUDGET_EXHAUSTED"
    assert (await tokens(stage, slug, ada)).held == 0


async def test_a_released_reservation_is_over(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    held = await stub.GateBudget(hold(slug, 100), metadata=ada.pairs)
    name = held.reservation.name

    released = await stub.ReleaseReservation(
        pb.ReleaseReservationRequest(name=name, request_id=fresh_id()), metadata=ada.pairs
    )
    refused = await reason_of(
        stub.SettleBudget(
            pb.SettleBudgetRequest(reservation=name, request_id=fresh_id()), metadata=ada.pairs
        )
    )

    assert released.reservation.state == pb.RESERVATION_STATE_RELEASED
    assert refused == "RESERVATION_ENDED"
    assert (await tokens(stage, slug, ada)).held == 0


async def test_a_metric_is_named_once(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    request = hold(slug, 1)
    request.amounts.add(metric=pb.METRIC_TOKENS, amount=2)

    refused = await reason_of(
        rpc.BudgetServiceStub(stage.channel).GateBudget(request, metadata=ada.pairs)
    )

    assert refused == "INVALID_ARGUMENT"


@pytest.mark.parametrize("level", [pb.METRIC_SESSIONS, pb.METRIC_STORAGE_GB])
async def test_a_level_is_neither_held_nor_settled(
    stage: Stage, level: "pb.Metric.ValueType"
) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    held = await stub.GateBudget(hold(slug, 1), metadata=ada.pairs)
    of_level = hold(slug, 1)
    of_level.amounts.add(metric=level, amount=1)

    settle = pb.SettleBudgetRequest(
        reservation=held.reservation.name,
        uses=[pb.Quantity(metric=level, amount=1_000_000)],
        request_id=fresh_id(),
    )

    assert await reason_of(stub.GateBudget(of_level, metadata=ada.pairs)) == "INVALID_ARGUMENT"
    assert await reason_of(stub.SettleBudget(settle, metadata=ada.pairs)) == "INVALID_ARGUMENT"
    usage = await stub.GetUsage(pb.GetUsageRequest(parent=f"tenants/{slug}"), metadata=ada.pairs)
    assert {one.spent for one in usage.usages if one.metric == level} <= {0}


async def test_what_was_not_held_counts_and_is_told_as_overrun(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    held = await stub.GateBudget(hold(slug, 1), metadata=ada.pairs)

    settled = await stub.SettleBudget(
        pb.SettleBudgetRequest(
            reservation=held.reservation.name,
            uses=[pb.Quantity(metric=pb.METRIC_IMAGES, amount=1_000_000_000)],
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )

    usage = await stub.GetUsage(pb.GetUsageRequest(parent=f"tenants/{slug}"), metadata=ada.pairs)
    (images,) = [one for one in usage.usages if one.metric == pb.METRIC_IMAGES]
    (hold_of_nothing,) = [
        one for one in settled.reservation.holds if one.metric == pb.METRIC_IMAGES
    ]
    assert (images.spent, images.held) == (1_000_000_000, 0)
    assert images.overrun == 1_000_000_000 - images.limit
    assert (hold_of_nothing.held, hold_of_nothing.used) == (0, 1_000_000_000)
    assert hold_of_nothing.overrun == images.overrun


async def test_a_users_limit_binds_beside_the_tenants(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    user = pb.Account(kind=pb.ACCOUNT_KIND_USER, id="ada")
    limit = pb.SetLimitRequest(
        parent=f"tenants/{slug}",
        account=user,
        metric=pb.METRIC_TOKENS,
        limit=50,
        request_id=fresh_id(),
    )

    await stub.SetLimit(limit, metadata=ada.pairs)
    request = hold(slug, 51)
    request.accounts.append(user)
    refused = await reason_of(stub.GateBudget(request, metadata=ada.pairs))
    of_user = await stub.GetUsage(
        pb.GetUsageRequest(parent=f"tenants/{slug}", account=user), metadata=ada.pairs
    )

    assert refused == "BUDGET_EXHAUSTED"
    assert [(one.metric, one.limit) for one in of_user.usages] == [(pb.METRIC_TOKENS, 50)]


async def test_a_limit_that_changed_since_it_was_read_is_not_overwritten(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    request = pb.SetLimitRequest(
        parent=f"tenants/{slug}",
        account=pb.Account(kind=pb.ACCOUNT_KIND_TENANT, id=slug),
        metric=pb.METRIC_TOKENS,
        limit=1000,
        request_id=fresh_id(),
    )
    first = await stub.SetLimit(request, metadata=ada.pairs)
    request.limit, request.request_id = 2000, fresh_id()
    await stub.SetLimit(request, metadata=ada.pairs)
    request.etag, request.request_id = first.limit.etag, fresh_id()

    assert await reason_of(stub.SetLimit(request, metadata=ada.pairs)) == "ETAG_MISMATCH"
    assert (await tokens(stage, slug, ada)).limit == 2000


async def test_a_limit_set_under_an_etag_is_answered_alike_when_it_is_asked_again(
    stage: Stage,
) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    request = pb.SetLimitRequest(
        parent=f"tenants/{slug}",
        account=pb.Account(kind=pb.ACCOUNT_KIND_TENANT, id=slug),
        metric=pb.METRIC_TOKENS,
        limit=1000,
        request_id=fresh_id(),
    )
    first = await stub.SetLimit(request, metadata=ada.pairs)
    request.limit, request.etag, request.request_id = 2000, first.limit.etag, fresh_id()
    second = await stub.SetLimit(request, metadata=ada.pairs)

    assert await stub.SetLimit(request, metadata=ada.pairs) == second


async def test_limits_are_listed_page_by_page(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)
    whole = await stub.ListLimits(
        pb.ListLimitsRequest(parent=f"tenants/{slug}", page_size=1000), metadata=ada.pairs
    )
    pages: list[pb.Limit] = []
    token = ""
    while True:
        page = await stub.ListLimits(
            pb.ListLimitsRequest(parent=f"tenants/{slug}", page_size=3, page_token=token),
            metadata=ada.pairs,
        )
        pages += page.limits
        token = page.next_page_token
        if not token:
            break

    assert len(whole.limits) > 3
    assert pages == list(whole.limits)


async def test_another_tenants_account_is_not_there(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    other, _ = await stage.tenant()
    account = pb.Account(kind=pb.ACCOUNT_KIND_TENANT, id=other)

    refused = await reason_of(
        rpc.BudgetServiceStub(stage.channel).GetUsage(
            pb.GetUsageRequest(parent=f"tenants/{slug}", account=account), metadata=ada.pairs
        )
    )

    assert refused == "ACCOUNT_NOT_FOUND"


async def test_a_period_is_a_month(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.BudgetServiceStub(stage.channel)

    past = await stub.GetUsage(
        pb.GetUsageRequest(parent=f"tenants/{slug}", period="2020-01"), metadata=ada.pairs
    )
    refused = await reason_of(
        stub.GetUsage(
            pb.GetUsageRequest(parent=f"tenants/{slug}", period="2020-13"), metadata=ada.pairs
        )
    )

    assert (past.period, list(past.usages)) == ("2020-01", [])
    assert refused == "INVALID_ARGUMENT"
