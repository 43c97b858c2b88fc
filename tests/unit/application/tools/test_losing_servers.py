"""A call that a client made by itself outlives the server that ran it."""

from asyncio import Event, create_task

import pytest

from application.tools.run_call import StartedCall
from domain.conversation.errors import StaleFenceError
from domain.kernel.metering import Metric
from domain.tools.invocation import MOST_TAKEOVERS, InvocationState
from domain.tools.invocation_event import CallAccepted, CallEnded, CallStarted
from tests.builders import principal
from tests.doubles import PATIENCE, answers, until, waits_for
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World
from tests.unit.application.tools.calls import command, invoked, kinds, lost, shown


async def test_a_call_whose_server_was_lost_is_unknown_and_not_run_again(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True)
    lost = create_task(shown(server, command()))
    await until(lambda: bool(shared.tools.runs))
    lost.cancel()
    shared.clock.advance(3600)
    other = Server(world=shared, name="other")

    assert await other.recover_lost(9) == 1
    events = await shown(other, command())

    assert events[-1].invocation.state is InvocationState.UNKNOWN
    assert len(shared.tools.runs) == 1
    assert invoked(shared) == [InvocationState.UNKNOWN]
    assert other.losses.calls == [InvocationState.UNKNOWN]
    assert server.losses.calls == []


async def test_an_idempotent_call_whose_server_was_lost_is_run_again_elsewhere(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True, idempotent=True)
    await lost(shared, server)
    shared.tools.have("send", answers("sent"), effect=True, idempotent=True)
    other = Server(world=shared, name="other")

    assert await other.recover_lost(9) == 1
    events = await shown(other, command())

    assert kinds(events) == [CallAccepted, CallStarted, CallEnded]
    ended = events[-1].invocation
    assert (ended.state, ended.result) == (InvocationState.SUCCEEDED, "sent")
    assert len(set(shared.tools.keys)) == 1
    assert invoked(shared) == [InvocationState.SUCCEEDED]
    assert (shared.spent(Metric.TOOL_CALLS), shared.held(Metric.TOOL_CALLS)) == (1, 0)


async def test_the_late_outcome_of_the_lost_server_changes_nothing(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.tools.have("send", waits_for(go, "late"), effect=True)
    await lost(shared, server)
    other = Server(world=shared, name="other")
    await other.recover_lost(9)
    await other.running_calls.drain(PATIENCE)

    go.set()
    await server.running_calls.drain(PATIENCE)

    ended = (await shown(server, command()))[-1].invocation
    assert ended.state is InvocationState.UNKNOWN
    assert invoked(shared) == [InvocationState.UNKNOWN]
    assert (shared.spent(Metric.TOOL_CALLS), shared.held(Metric.TOOL_CALLS)) == (1, 0)


async def test_a_process_that_stood_still_starts_nothing_after_its_lease(
    shared: World, server: Server
) -> None:
    (ended,) = (await shown(server, command()))[-1:]
    late = StartedCall(
        invocation=ended.invocation, principal=principal(), began=shared.clock.monotonic()
    )
    shared.clock.advance(LEASE)

    with pytest.raises(StaleFenceError):
        await server.run_call(late)

    assert len(shared.tools.runs) == 1


async def test_a_process_that_stood_still_recovers_nothing_after_its_lease(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True, idempotent=True)
    await lost(shared, server)
    began = shared.clock.monotonic()
    (taken,) = await shared.effects.take_over(9)
    shared.clock.advance(LEASE + 1)
    await shared.effects.take_over(9)
    late = StartedCall(
        invocation=taken.invocation, principal=principal(), began=began, fence=taken.fence
    )

    with pytest.raises(StaleFenceError):
        await Server(world=shared, name="other").run_call(late)

    assert len(shared.tools.runs) == 1


async def test_a_call_that_was_taken_over_slowly_is_recovered_where_nobody_else_has_it(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True, idempotent=True)
    await lost(shared, server)
    began = shared.clock.monotonic()
    (taken,) = await shared.effects.take_over(9)
    shared.clock.advance(LEASE + 1)
    late = StartedCall(
        invocation=taken.invocation, principal=principal(), began=began, fence=taken.fence
    )
    shared.tools.have("send", answers("sent"), effect=True, idempotent=True)

    ended = await Server(world=shared, name="other").run_call(late)

    assert (ended.state, ended.result) == (InvocationState.SUCCEEDED, "sent")
    assert await shared.effects.take_over(9) == []


async def test_a_call_that_loses_server_after_server_is_given_up(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True, idempotent=True)
    await lost(shared, server)
    for number in range(MOST_TAKEOVERS):
        shared.tools.runs.clear()
        assert await Server(world=shared, name=f"server {number}").recover_lost(9) == 1
        await until(lambda: bool(shared.tools.runs))
        shared.clock.advance(LEASE + 1)

    shared.tools.runs.clear()
    last = Server(world=shared, name="last")
    assert await last.recover_lost(9) == 1
    await last.running_calls.drain(PATIENCE)

    assert (await shown(last, command()))[-1].invocation.state is InvocationState.UNKNOWN
    assert shared.tools.runs == []


async def test_a_server_recovers_no_more_calls_than_it_has_room_for(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True, idempotent=True)
    await lost(shared, server)
    other = Server(world=shared, name="other")
    shared.tools.have("clock", waits_for(Event()))
    busy = create_task(shown(other, command("clock", request_id="2")))
    await until(lambda: len(other.running_calls) == 1)

    assert await other.recover_lost(1) == 0
    assert await other.recover_lost(2) == 1
    busy.cancel()
