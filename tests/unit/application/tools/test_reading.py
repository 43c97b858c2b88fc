"""Tools and calls are listed, and a call that waits for a person runs once he has decided."""

from application.tools.call_terms import CallTerms
from application.tools.list_tools import ListTools, ListToolsQuery
from application.tools.read_invocations import (
    ListInvocations,
    ListInvocationsQuery,
    ListPendingApprovals,
    ListPendingApprovalsQuery,
    ReadInvocation,
    ReadInvocationQuery,
)
from domain.capsule.knob import ToolApproval
from domain.capsule.manifest import AllowList
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState
from domain.tools.invocation_event import (
    CallAccepted,
    CallAwaitsApproval,
    CallEnded,
    CallStarted,
)
from tests.builders import CAPSULE_VERSION, TENANT
from tests.doubles import PATIENCE
from tests.inmemory_application import Server
from tests.inmemory_world import World
from tests.unit.application.tools.calls import command, kinds, shown


async def test_a_call_under_a_capsule_that_asks_first_waits_for_a_person(
    shared: World, server: Server
) -> None:
    terms = CallTerms(capsule="greeter", version=CAPSULE_VERSION, approval=ToolApproval.ALL)

    events = await shown(server, command(terms=terms))

    assert kinds(events) == [CallAccepted, CallAwaitsApproval]
    assert shared.tools.runs == []
    assert shared.held(Metric.TOOL_CALLS) == 0

    started = await server.decided(events[0].invocation.id, approved=True)
    await server.running_calls.drain(PATIENCE)
    after = await shown(server, command(terms=terms))

    assert started.state is InvocationState.STARTED
    assert kinds(after) == [CallAccepted, CallAwaitsApproval, CallStarted, CallEnded]
    assert after[-1].invocation.result == "sent"
    assert shared.tools.runs == [("send", "{}")]
    assert shared.spent(Metric.TOOL_CALLS) == 1
    await server.decided(events[0].invocation.id, approved=True)
    assert shared.tools.runs == [("send", "{}")]


async def test_a_rejected_call_is_not_run(shared: World, server: Server) -> None:
    terms = CallTerms(capsule="greeter", version=CAPSULE_VERSION, approval=ToolApproval.ALL)
    events = await shown(server, command(terms=terms))

    await server.decided(events[0].invocation.id, approved=False)
    after = await shown(server, command(terms=terms))

    assert kinds(after) == [CallAccepted, CallAwaitsApproval, CallEnded]
    assert after[-1].invocation.state is InvocationState.REJECTED
    assert shared.tools.runs == []


async def test_tools_are_listed_by_name_page_by_page(shared: World) -> None:
    list_tools = ListTools(runner=shared.tools)

    page = await list_tools(ListToolsQuery(limit=1))
    rest = await list_tools(ListToolsQuery(limit=5, after=page[-1].name))
    allowed = await list_tools(ListToolsQuery(limit=5, allow=AllowList(frozenset({"send"}))))

    assert [one.name for one in (*page, *rest)] == ["clock", "send"]
    assert [one.name for one in allowed] == ["send"]


async def test_calls_are_read_and_listed(shared: World, server: Server) -> None:
    terms = CallTerms(capsule="greeter", version=CAPSULE_VERSION, approval=ToolApproval.ALL)
    (done,) = {event.invocation.id for event in await shown(server, command(request_id="1"))}
    (first,) = {one.invocation.id for one in await shown(server, command(terms=terms))}
    (second,) = {
        one.invocation.id for one in await shown(server, command(terms=terms, request_id="3"))
    }
    read = ReadInvocation(invocations=shared.invocations)
    found = ListInvocations(invocations=shared.invocations)
    pending = ListPendingApprovals(invocations=shared.invocations)

    one = await read(ReadInvocationQuery(tenant_id=TENANT, invocation_id=done))
    everything = await found(ListInvocationsQuery(tenant_id=TENANT, limit=9))
    succeeded = await found(
        ListInvocationsQuery(tenant_id=TENANT, limit=9, state=InvocationState.SUCCEEDED)
    )
    waiting = await pending(ListPendingApprovalsQuery(tenant_id=TENANT, limit=1))
    rest = await pending(ListPendingApprovalsQuery(tenant_id=TENANT, limit=1, after=waiting[-1].id))

    assert one.result == "sent"
    assert [call.id for call in everything] == [second, first, done]
    assert [call.id for call in succeeded] == [done]
    assert [call.id for call in (*waiting, *rest)] == [first, second]
