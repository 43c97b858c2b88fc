"""Calls by themselves that waited for a person are gone on with when everybody has left them."""

import pytest

from domain.kernel.metering import Metric
from domain.tools.errors import ApprovalExpiredError
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.inmemory_application import Server
from tests.inmemory_world import World
from tests.unit.application.tools.approved import (
    DAY,
    approved_and_left,
    decisions,
    ended,
    waiting,
)


async def test_an_approved_call_is_started_once_by_whichever_server_finds_it(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)
    others = [Server(world=shared, name=name) for name in ("other", "third")]

    assert [await other.tend_approvals(9) for other in others] == [1, 0]
    done = await ended(others[0], call)

    assert (done.state, done.result) == (InvocationState.SUCCEEDED, "sent")
    assert len(shared.tools.runs) == 1
    assert (shared.spent(Metric.TOOL_CALLS), shared.held(Metric.TOOL_CALLS)) == (1, 0)


async def test_one_that_was_approved_a_moment_ago_is_left_to_its_server(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)
    shared.clock.advance(-2)

    assert await server.tend_approvals(9) == 0
    read = await shared.invocations.invocation(TENANT, call.id)
    assert read.state is InvocationState.PERMITTED


async def test_one_without_budget_stays_permitted_and_starts_when_there_is_some(
    shared: World, server: Server
) -> None:
    await shared.limit(Metric.TOOL_CALLS, 0)
    call = await approved_and_left(server)

    assert await server.tend_approvals(9) == 0
    read = await shared.invocations.invocation(TENANT, call.id)
    await shared.limit(Metric.TOOL_CALLS, 1)
    assert await server.tend_approvals(9) == 1

    assert read.state is InvocationState.PERMITTED
    assert (await ended(server, call)).state is InvocationState.SUCCEEDED


async def test_a_call_that_nobody_decided_in_time_expires_and_that_is_published(
    shared: World, server: Server
) -> None:
    call = await waiting(server)
    shared.clock.advance(DAY)

    assert [await server.tend_approvals(9) for _ in range(2)] == [1, 0]

    read = await shared.invocations.invocation(TENANT, call.id)
    assert read.state is InvocationState.EXPIRED
    assert decisions(shared) == [(InvocationState.EXPIRED, "")]
    assert shared.tools.runs == []


async def test_a_decision_after_that_is_refused_and_publishes_nothing_more(
    shared: World, server: Server
) -> None:
    call = await waiting(server)
    shared.clock.advance(DAY)
    await server.tend_approvals(9)

    with pytest.raises(ApprovalExpiredError):
        await server.decided(call.id, approved=True)

    assert decisions(shared) == [(InvocationState.EXPIRED, "")]


async def test_a_decision_that_comes_first_after_the_time_expires_it_as_well(
    shared: World, server: Server
) -> None:
    call = await waiting(server)
    shared.clock.advance(DAY)

    with pytest.raises(ApprovalExpiredError):
        await server.decided(call.id, approved=True)

    assert decisions(shared) == [(InvocationState.EXPIRED, "")]


async def test_nothing_is_started_beyond_what_may_run_here(shared: World, server: Server) -> None:
    await approved_and_left(server)

    assert await server.tend_approvals(0) == 0
    assert shared.tools.runs == []
