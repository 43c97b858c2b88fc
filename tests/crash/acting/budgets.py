"""Reservations of clients, and limits."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.duration_pb2 import Duration

from somagent.budget.v1 import budget_pb2
from tests.crash.acting.actor import Actor
from tests.crash.caller import Caller

TOKENS: Final = budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=20)
IMAGES: Final = budget_pb2.Quantity(metric=budget_pb2.METRIC_IMAGES, amount=20)


async def settled(actor: Actor) -> None:
    """A reservation that is settled, also with what it did not hold."""
    held = await _reserved(actor.caller, TOKENS)
    await _settle(actor.caller, held, TOKENS, IMAGES)


async def released(actor: Actor) -> None:
    """A reservation that is given back."""
    caller = actor.caller
    held = await _reserved(caller, TOKENS)
    release = budget_pb2.ReleaseReservationRequest(name=held, request_id=caller.request_id())
    await caller.ask(release, budget_pb2.ReleaseReservationResponse)


async def left(actor: Actor) -> None:
    """A reservation that runs out."""
    await _reserved(actor.caller, TOKENS, seconds=1)


async def warned(actor: Actor) -> None:
    """An account of its own that is used up: two warnings are due."""
    caller = actor.caller
    account = budget_pb2.Account(
        kind=budget_pb2.ACCOUNT_KIND_WORKFLOW, id=f"workflow-{caller.request_id()}"
    )
    limit = budget_pb2.SetLimitRequest(
        parent=caller.parent,
        account=account,
        metric=IMAGES.metric,
        limit=IMAGES.amount,
        request_id=caller.request_id(),
    )
    await caller.ask(limit, budget_pb2.SetLimitResponse)
    await _settle(caller, await _reserved(caller, IMAGES, [account]), IMAGES)


async def _reserved(
    caller: Caller,
    amount: budget_pb2.Quantity,
    accounts: Sequence[budget_pb2.Account] = (),
    seconds: int = 30,
) -> str:
    gate = budget_pb2.GateBudgetRequest(
        parent=caller.parent,
        amounts=[amount],
        accounts=accounts,
        lifetime=Duration(seconds=seconds),
        request_id=caller.request_id(),
    )
    return (await caller.ask(gate, budget_pb2.GateBudgetResponse)).reservation.name


async def _settle(caller: Caller, held: str, *uses: budget_pb2.Quantity) -> None:
    settle = budget_pb2.SettleBudgetRequest(
        reservation=held, uses=uses, request_id=caller.request_id()
    )
    await caller.ask(settle, budget_pb2.SettleBudgetResponse)


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
