"""A tenant never uses more than its limit, however many messages come at once."""

import asyncio
from dataclasses import replace

import grpc
import pytest

from somagent.budget.v1 import budget_pb2
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tenancy.v1 import tenancy_pb2
from tests.e2e.stage import Stage, fresh_slug
from tests.system.client import Client, RefusedError, request_id
from tests.system.conversing import (
    answer_to,
    as_bytes,
    held_by,
    kinds,
    message,
    open_session,
    said,
    usage_of,
)
from tests.system.installation import new_tenant
from tests.upstream.chunks import DONE, answer, finish, text, usage
from tests.upstream.scripted import ScriptedUpstream, streamed

EXHAUSTED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED")
SESSIONS = 4
MESSAGES = 24


async def of_plan(stage: Stage, plan: "tenancy_pb2.Plan.ValueType") -> Client:
    """A tenant of a plan, with a capsule."""
    operator = Client(stage.channel, "platform", stage.operator.key)
    client = await new_tenant(operator, fresh_slug(), plan)
    await stage.capsule(client.tenant, replace(stage.operator, key=client.key))
    return client


async def turns_in(client: Client, session: str) -> int:
    listed = await client.ask(pb.ListTurnsRequest(parent=session), pb.ListTurnsResponse)
    return len(listed.turns)


async def test_what_does_not_fit_is_refused_before_it_is_accepted_and_leaves_nothing(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    client = await of_plan(stage, tenancy_pb2.PLAN_FREE)
    session = await open_session(client, "helpful")
    upstream.answers(streamed(text("Dear."), finish(), usage(9000, 900), DONE))
    assert kinds(await answer_to(client, session))[-1] == "completed"
    before = await usage_of(client)
    calls = len(upstream.exchanges)

    request = message(session)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            async for _event in said(client, request):
                pass
        assert refused.value.told == EXHAUSTED
        assert refused.value.facts["metric"] == "tokens"

    assert await turns_in(client, session) == 1
    assert len(upstream.exchanges) == calls
    after = await usage_of(client)
    assert before["METRIC_TOKENS"].spent == 9900
    assert {name: (one.spent, one.held) for name, one in after.items()} == {
        name: (one.spent, one.held) for name, one in before.items()
    }


async def test_a_turn_that_was_answered_can_be_asked_for_again_when_nothing_is_left(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    client = await of_plan(stage, tenancy_pb2.PLAN_FREE)
    session = await open_session(client, "helpful")
    upstream.answers(streamed(text("Dear."), finish(), usage(9000, 900), DONE))
    request = message(session)
    first = [event async for event in said(client, request)]

    again = [event async for event in said(client, request)]

    assert as_bytes(again) == as_bytes(first)
    assert len(upstream.exchanges) == 1


async def test_parallel_messages_never_pass_the_limit(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    client = await of_plan(stage, tenancy_pb2.PLAN_STARTER)
    sessions = [await open_session(client, "helpful", max_waiting=100) for _ in range(SESSIONS)]
    limit = 8000
    await client.ask(
        budget_pb2.SetLimitRequest(
            parent=client.parent,
            account=budget_pb2.Account(kind=budget_pb2.ACCOUNT_KIND_TENANT, id=client.tenant),
            metric=budget_pb2.METRIC_TOKENS,
            limit=limit,
            request_id=request_id(),
        ),
        budget_pb2.SetLimitResponse,
    )
    go_on = asyncio.Event()
    upstream.answers(*(streamed(go_on, *answer("Good day.")) for _ in range(MESSAGES)))
    refused: list[RefusedError] = []

    async def asked(session: str) -> bool:
        try:
            return kinds(await answer_to(client, session))[-1] == "completed"
        except RefusedError as error:
            refused.append(error)
            return False

    at_once = [asyncio.create_task(asked(sessions[n % SESSIONS])) for n in range(MESSAGES)]
    done, running = await asyncio.wait(at_once, return_when=asyncio.FIRST_COMPLETED)
    while len(refused) + len(await _accepted(client, sessions)) < MESSAGES:
        _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    tokens = (await usage_of(client))["METRIC_TOKENS"]
    go_on.set()
    answered = sum(await asyncio.gather(*at_once))

    assert done
    assert {error.told for error in refused} == {EXHAUSTED}
    assert 0 < answered == MESSAGES - len(refused) < MESSAGES
    assert 0 < tokens.held <= limit
    assert tokens.held + tokens.held // answered > limit
    used = await usage_of(client)
    assert used["METRIC_TOKENS"].spent == answered * 13
    assert used["METRIC_API_CALLS"].spent == answered
    assert await held_by(client) == {}
    assert len(await _accepted(client, sessions)) == answered


async def _accepted(client: Client, sessions: list[str]) -> list[int]:
    counts = await asyncio.gather(*(turns_in(client, session) for session in sessions))
    return [place for place, count in enumerate(counts) for _ in range(count)]
