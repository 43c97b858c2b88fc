"""Reservations of clients, and limits."""

from google.protobuf.duration_pb2 import Duration

from somagent.budget.v1 import budget_pb2
from tests.crash.acting.actor import Actor


async def settled(actor: Actor) -> None:
    """A reservation that is settled."""
    caller = actor.caller
    settle = budget_pb2.SettleBudgetRequest(
        reservation=await _reserved(actor, 30),
        uses=[budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=15)],
        request_id=caller.request_id(),
    )
    await caller.ask(settle, budget_pb2.SettleBudgetResponse)


async def held(actor: Actor) -> None:
    """A reservation that is given back, or left to run out."""
    caller = actor.caller
    seconds = caller.chance.choice((1, 30))
    held = await _reserved(actor, seconds)
    if seconds > 1:
        release = budget_pb2.ReleaseReservationRequest(name=held, request_id=caller.request_id())
        await caller.ask(release, budget_pb2.ReleaseReservationResponse)


async def _reserved(actor: Actor, seconds: int) -> str:
    caller = actor.caller
    gate = budget_pb2.GateBudgetRequest(
        parent=caller.parent,
        amounts=[budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=20)],
        lifetime=Duration(seconds=seconds),
        request_id=caller.request_id(),
    )
    return (await caller.ask(gate, budget_pb2.GateBudgetResponse)).reservation.name


async def limited(actor: Actor) -> None:
    """A limit is set again: a little more than was used, where the tenant is a limited one."""
    caller, account = (
        actor.caller,
        budget_pb2.Account(kind=budget_pb2.ACCOUNT_KIND_TENANT, id=actor.caller.witness.slug),
    )
    usage = await caller.ask(
        budget_pb2.GetUsageRequest(parent=caller.parent), budget_pb2.GetUsageResponse
    )
    spent = next((one.spent for one in usage.usages if one.metric == budget_pb2.METRIC_TOKENS), 0)
    room = 3_000 if caller.witness.limited else 1_000_000_000
    request = budget_pb2.SetLimitRequest(
        parent=caller.parent,
        account=account,
        metric=budget_pb2.METRIC_TOKENS,
        limit=spent + room,
        request_id=caller.request_id(),
    )
    await caller.ask(request, budget_pb2.SetLimitResponse)
