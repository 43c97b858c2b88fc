"""A tool that a client calls by itself runs once per request id, within budget and permission."""

from asyncio import CancelledError, Event, create_task, get_running_loop

import pytest

from application.tools.call_holds import call_holds
from application.tools.call_terms import CallTerms
from application.tools.execute_tool import ExecuteToolCommand
from application.tools.reserve_call import RESERVED_SECONDS, ReserveCall
from domain.authorization.errors import PermissionDeniedError
from domain.budget.account import Account, AccountKind
from domain.budget.errors import BudgetExhaustedError
from domain.budget.events import UsageRecorded
from domain.capsule.knob import ToolApproval
from domain.capsule.manifest import AllowList
from domain.kernel.errors import IdempotencyKeyReusedError, RequestExpiredError
from domain.kernel.metering import Metric
from domain.tenancy.errors import FeatureDisabledError
from domain.tenancy.feature import Feature
from domain.tools.errors import (
    ToolArgumentsInvalidError,
    ToolFailedError,
    ToolNotFoundError,
    ToolOutcomeUnknownError,
)
from domain.tools.events import ApprovalRequested, ToolInvoked
from domain.tools.invocation import APPROVAL_TIME, InvocationState
from domain.tools.invocation_event import (
    CallAccepted,
    CallAwaitsApproval,
    CallEnded,
    CallStarted,
)
from tests.builders import TENANT, principal
from tests.doubles import PATIENCE, answers, fails, until, waits_for
from tests.fakes import WrongClock
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World
from tests.unit.application.tools.calls import command, kinds, shown


async def test_a_tool_is_run_and_its_result_shown(shared: World, server: Server) -> None:
    events = await shown(server, command())

    assert kinds(events) == [CallAccepted, CallStarted, CallEnded]
    assert [event.sequence for event in events] == [1, 2, 3]
    ended = events[-1].invocation
    assert (ended.state, ended.result) == (InvocationState.SUCCEEDED, "sent")
    assert ended.permit == "role:service"
    assert shared.spent(Metric.TOOL_CALLS) == 1
    assert shared.held(Metric.TOOL_CALLS) == 0


async def test_the_same_request_shows_the_same_call(shared: World, server: Server) -> None:
    first = await shown(server, command())

    again = await shown(server, command())

    assert [(one.sequence, one.at, one.body) for one in again] == [
        (one.sequence, one.at, one.body) for one in first
    ]
    assert len(shared.tools.runs) == 1
    assert shared.spent(Metric.TOOL_CALLS) == 1
    assert shared.held(Metric.TOOL_CALLS) == 0


async def test_the_same_request_while_the_call_runs_waits_for_it(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.tools.have("send", waits_for(go, "sent"), effect=True)
    first = create_task(shown(server, command()))
    await until(lambda: bool(shared.tools.runs))
    second = create_task(shown(server, command()))
    go.set()

    assert kinds(await first) == kinds(await second)
    assert len(shared.tools.runs) == 1


async def test_a_reservation_that_lapsed_before_its_call_started_is_made_anew(
    shared: World,
) -> None:
    reserve = ReserveCall(budgets=shared.budgets, identifiers=shared.identifiers)
    holds = call_holds(principal())
    lapsed = await reserve(TENANT, "tool:one", b"digest", holds)
    shared.clock.advance(RESERVED_SECONDS + 1)
    await shared.budgets.release_expired(1)

    made = await reserve(TENANT, "tool:one", b"digest", holds)

    assert made != lapsed
    assert shared.held(Metric.TOOL_CALLS) == 1
    assert await reserve(TENANT, "tool:one", b"digest", holds) == made
    assert shared.held(Metric.TOOL_CALLS) == 1


async def test_a_call_that_was_made_and_is_forgotten_is_not_made_again(
    shared: World, server: Server
) -> None:
    await shown(server, command())
    shared.store.invocation_requests.clear()

    with pytest.raises(RequestExpiredError):
        await shown(server, command())

    assert len(shared.tools.runs) == 1
    assert shared.spent(Metric.TOOL_CALLS) == 1


async def test_the_same_request_with_other_content_is_refused(
    shared: World, server: Server
) -> None:
    await shown(server, command())

    with pytest.raises(IdempotencyKeyReusedError) as refusal:
        await shown(server, command(arguments='{"to":"grace"}'))

    assert refusal.value.facts["request_id"] == REQUEST
    assert len(shared.tools.runs) == 1


async def test_a_client_that_goes_away_does_not_stop_the_call(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.tools.have("send", waits_for(go, "sent"), effect=True)
    client = create_task(shown(server, command()))
    await until(lambda: bool(shared.tools.runs))
    client.cancel()
    with pytest.raises(CancelledError):
        await client

    go.set()
    await server.running_calls.drain(PATIENCE)

    assert (await shown(server, command()))[-1].invocation.state is InvocationState.SUCCEEDED
    assert len(shared.tools.runs) == 1


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (command("sundial"), ToolNotFoundError),
        (command(terms=CallTerms(allow=AllowList(frozenset({"clock"})))), ToolNotFoundError),
        (command(arguments="[]"), ToolArgumentsInvalidError),
        (command(asked_by=principal(roles=("auditor",))), PermissionDeniedError),
    ],
)
async def test_what_may_not_run_leaves_nothing(
    shared: World, server: Server, asked: ExecuteToolCommand, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await shown(server, asked)

    assert shared.tools.runs == []
    assert shared.store.invocations == {}
    assert shared.store.reservations == {}


async def test_a_call_that_the_budget_does_not_let_in_leaves_nothing(
    shared: World, server: Server
) -> None:
    await shared.limit(Metric.TOOL_CALLS, 0)

    with pytest.raises(BudgetExhaustedError):
        await shown(server, command())

    assert shared.store.invocations == {}


async def test_a_call_counts_in_every_account_that_has_a_limit(
    shared: World, server: Server
) -> None:
    user = Account(AccountKind.USER, "ada")
    shared.store.limits[TENANT, user, Metric.TOOL_CALLS] = 1
    await shown(server, command(request_id="1"))

    with pytest.raises(BudgetExhaustedError):
        await shown(server, command(request_id="2"))


async def test_the_error_of_a_tool_that_ran_is_in_the_stream(shared: World, server: Server) -> None:
    shared.tools.have("send", fails(ToolFailedError("send", "no such address")), effect=True)

    ended = (await shown(server, command()))[-1].invocation

    assert (ended.state, ended.reason) == (InvocationState.FAILED, "TOOL_FAILED")
    assert shared.spent(Metric.TOOL_CALLS) == 1


async def test_an_outcome_that_the_tool_does_not_know_is_unknown(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", fails(ToolOutcomeUnknownError("send")), effect=True)

    ended = (await shown(server, command()))[-1].invocation

    assert ended.state is InvocationState.UNKNOWN


async def test_after_a_defect_of_a_tool_its_call_is_unknown_and_operators_know(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", fails(ZeroDivisionError()), effect=True)
    told: list[object] = []
    get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))

    ended = (await shown(server, command()))[-1].invocation

    assert (ended.state, ended.result) == (InvocationState.UNKNOWN, "")
    assert [type(error) for error in told] == [ZeroDivisionError]


async def test_what_a_call_uses_and_comes_to_is_published(shared: World, server: Server) -> None:
    ended = (await shown(server, command()))[-1].invocation

    invoked, used = (one.event for one in shared.store.outbox[TENANT, TENANT])
    assert isinstance(invoked, ToolInvoked)
    assert (invoked.invocation_id, invoked.state) == (ended.id, InvocationState.SUCCEEDED)
    assert isinstance(used, UsageRecorded)
    (line,) = used.lines
    assert (used.subject, line.metric, line.amount) == ("ada", Metric.TOOL_CALLS, 1)
    assert line.cost_micro_usd == 10_000
    assert used.reference == ended.id == shared.store.ledger[-1].settlement.reference_id


async def test_a_call_waits_for_a_day_whatever_the_clock_of_its_server_says(shared: World) -> None:
    server = Server(world=shared, clock=WrongClock(shared.clock))

    (*_, last) = await shown(server, command(terms=CallTerms(approval=ToolApproval.ALL)))

    assert last.body == CallAwaitsApproval(shared.clock.now() + APPROVAL_TIME)


async def test_that_a_call_waits_for_a_person_is_published(shared: World, server: Server) -> None:
    asked = command(terms=CallTerms(approval=ToolApproval.ALL))

    waiting = (await shown(server, asked))[-1].invocation

    (told,) = (one.event for one in shared.store.outbox[TENANT, TENANT])
    assert isinstance(told, ApprovalRequested)
    assert (told.invocation_id, told.expires_at) == (waiting.id, waiting.expires_at)


async def test_a_tool_that_keeps_failing_is_left_alone_for_a_while(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", fails(ToolFailedError("send", "down")))
    for place in range(5):
        await shown(server, command(request_id=f"{place}"))

    with pytest.raises(ToolFailedError):
        await shown(server, command(request_id="6"))

    assert len(shared.tools.runs) == 5
    assert shared.held(Metric.TOOL_CALLS) == 0


async def test_a_long_result_is_cut(shared: World, server: Server) -> None:
    shared.tools.have("send", answers("é" * 1_000_000 + "\x00"))

    ended = (await shown(server, command()))[-1].invocation

    assert len(ended.result.encode()) == 1 << 20


async def test_a_tenant_without_tools_is_refused_them(shared: World, server: Server) -> None:
    shared.switch(Feature.TOOLS, on=False)

    with pytest.raises(FeatureDisabledError):
        await shown(server, command())

    assert shared.store.invocations == {}
    assert shared.held(Metric.TOOL_CALLS) == 0


async def test_a_switch_takes_effect_within_five_seconds(shared: World, server: Server) -> None:
    await shown(server, command("clock"))
    shared.switch(Feature.TOOLS, on=False)

    with pytest.raises(FeatureDisabledError):
        await shown(server, command("clock", request_id="2"))
