"""An approved call starts in its time, where it may, and at a server that stays."""

from asyncio import Event, create_task
from dataclasses import dataclass, replace
from typing import final

import pytest

from application.identity.ports import Credentials, KeyHolder
from application.tools.run_call import StartedCall
from domain.kernel.identifiers import KeyId, StartId
from domain.kernel.metering import Metric
from domain.tenancy.tenant import Tenant
from domain.tools.errors import ApprovalExpiredError
from domain.tools.events import ToolInvoked
from domain.tools.invocation import Invocation, InvocationState
from tests.builders import TENANT, principal
from tests.doubles import PATIENCE, until
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World
from tests.unit.application.tools.approved import DAY, approved_and_left, decisions, ended

OTHER = "01946f00-0000-4000-8000-0000000000ff"
"""Another request id."""


async def held_back(shared: World, server: Server, *, seconds: float = DAY) -> Invocation:
    """An approved call that no budget lets start, so many seconds after it was asked for."""
    await shared.limit(Metric.TOOL_CALLS, 0)
    call = await approved_and_left(server)
    shared.clock.advance(seconds)
    await shared.limit(Metric.TOOL_CALLS, 1)
    return call


async def test_an_approved_call_that_could_not_start_in_its_time_is_denied_and_never_starts(
    shared: World, server: Server
) -> None:
    call = await held_back(shared, server)

    assert [await server.tend_approvals(9) for _ in range(2)] == [1, 0]

    read = await shared.invocations.invocation(TENANT, call.id)
    assert (read.state, read.reason) == (InvocationState.DENIED, "APPROVAL_EXPIRED")
    assert (read.decided_by, read.finished_at) == ("grace", shared.clock.now())
    told = [one.event for one in shared.store.outbox[TENANT, TENANT]]
    assert [one.state for one in told if isinstance(one, ToolInvoked)] == [InvocationState.DENIED]
    assert decisions(shared) == [(InvocationState.PERMITTED, "grace")]
    assert shared.tools.runs == []


async def test_the_same_decision_after_that_time_starts_nothing_and_holds_nothing(
    shared: World, server: Server
) -> None:
    call = await held_back(shared, server)

    with pytest.raises(ApprovalExpiredError):
        await server.decided(call.id, approved=True)

    assert shared.tools.runs == []
    assert shared.held(Metric.TOOL_CALLS) == 0


async def test_an_approved_call_of_a_tool_that_keeps_failing_waits_until_it_is_tried_again(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)
    while server.tool_health.allows("send"):
        server.tool_health.failed("send")

    assert await server.tend_approvals(9) == 0
    shared.clock.advance(600)
    assert await server.tend_approvals(9) == 1

    assert (await ended(server, call)).state is InvocationState.SUCCEEDED


async def test_a_server_that_leaves_begins_no_call_that_was_left(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)

    await server.running_calls.drain(0.01)

    assert await server.tend_approvals(9) == 0
    assert await server.recover_lost(9) == 0
    assert (await server.decided(call.id, approved=True)).state is InvocationState.PERMITTED
    assert await Server(world=shared, name="other").tend_approvals(9) == 1


async def test_a_call_that_is_being_started_has_ended_when_the_server_has_drained(
    shared: World, server: Server
) -> None:
    call, go, calls = await approved_and_left(server), Event(), server.running_calls

    async def start() -> None:
        await go.wait()
        started = await shared.effects.start(TENANT, call.id, StartId(shared.identifiers.next()))
        began = shared.clock.monotonic()
        calls.start(
            server.run_call, StartedCall(invocation=started, principal=principal(), began=began)
        )

    begun = create_task(calls.starting(start()))
    draining = create_task(calls.drain(PATIENCE))
    await until(lambda: calls.leaving)
    begun.cancel()
    go.set()

    assert await draining == 0
    read = await shared.invocations.invocation(TENANT, call.id)
    assert read.state is InvocationState.SUCCEEDED


@final
@dataclass(slots=True)
class BrokenAtFirst:
    """A `Credentials` with a defect that it has once."""

    kept: Credentials
    asked: int = 0

    async def holder(self, key_id: KeyId) -> KeyHolder | None:
        return await self.kept.holder(key_id)

    async def tenant(self, slug: str) -> Tenant | None:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("broken")
        return await self.kept.tenant(slug)


async def test_one_call_with_which_something_is_wrong_keeps_no_other(
    shared: World, server: Server
) -> None:
    calls = [await approved_and_left(server, request) for request in (REQUEST, OTHER)]
    broken = BrokenAtFirst(shared.tenancy.kept)
    standing = replace(server.standing, credentials=broken)
    run_approved = replace(server.run_approved, standing=standing)

    assert await replace(server.tend_approvals, run_approved=run_approved)(9) == 1

    assert [str(one) for one in server.losses.defects] == ["broken"]
    states = {(await ended(server, one)).state for one in calls}
    assert states == {InvocationState.PERMITTED, InvocationState.SUCCEEDED}


async def test_a_call_that_ended_after_it_was_found_is_not_paid_for_again(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)
    (found,) = await shared.effects.stalled(9)
    shared.clock.advance(DAY)
    await server.tend_approvals(9)

    assert await server.run_approved(found, "acme") == found

    read = await shared.invocations.invocation(TENANT, call.id)
    assert read.state is InvocationState.DENIED
    assert shared.held(Metric.TOOL_CALLS) == 0
