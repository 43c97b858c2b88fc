"""A call has one attempt in a server, which stops when the server has lost the call."""

from asyncio import Event, create_task, get_running_loop, timeout
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import final

import pytest

from application.kernel.ports import Clock
from application.tools.ports import ToolContext
from application.tools.recover_call import RecoverCall
from application.tools.run_call import StartedCall
from domain.tools.errors import ToolFailedError
from domain.tools.invocation import InvocationState
from domain.tools.invocation_event import InvocationEvent
from domain.tools.tool import Tool
from domain.tools.tool_status import ToolStatus
from tests.builders import TENANT, principal
from tests.doubles import PATIENCE, answers, until, waits_for, waits_forever
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World
from tests.unit.application.tools.attempts import (
    SOON,
    Renewals,
    does_not_stop,
    passes,
    renewed_soon,
    runs_until,
)
from tests.unit.application.tools.calls import command, execute, invoked, lost, shown


@pytest.fixture
def told() -> list[str]:
    """What the tool has seen, in order."""
    return []


async def all_of(events: AsyncIterable[InvocationEvent]) -> list[InvocationEvent]:
    async with timeout(PATIENCE):
        return [event async for event in events]


async def test_a_call_that_runs_here_is_not_taken_from_itself_when_its_lease_has_run_out(
    shared: World, server: Server, told: list[str]
) -> None:
    go = Event()
    shared.tools.have("send", runs_until(go, told), effect=True)
    await lost(shared, server)

    assert await server.recover_lost(9) == 0
    await passes()
    go.set()
    await server.running_calls.drain(PATIENCE)

    assert told == ["begun", "done"]
    assert invoked(shared) == [InvocationState.SUCCEEDED]
    assert server.losses.calls == []


async def test_a_server_recovers_other_calls_beside_those_that_run_here(
    shared: World, server: Server, told: list[str]
) -> None:
    go = Event()
    shared.tools.have("send", runs_until(go, told), effect=True)
    await lost(shared, server)
    shared.tools.have("clock", waits_forever)
    elsewhere = create_task(
        shown(Server(world=shared, name="gone"), command("clock", request_id="2"))
    )
    await until(lambda: len(shared.tools.runs) == 2)
    elsewhere.cancel()
    shared.tools.have("clock", answers("noon"))
    shared.clock.advance(LEASE + 1)

    assert await server.recover_lost(2) == 1
    await until(lambda: len(server.running_calls) == 1)
    go.set()
    await server.running_calls.drain(PATIENCE)

    assert invoked(shared) == [InvocationState.SUCCEEDED, InvocationState.SUCCEEDED]
    assert (told, server.losses.calls) == (["begun", "done"], [InvocationState.SUCCEEDED])


@pytest.mark.parametrize("effect", [False, True])
async def test_a_lost_call_whose_attempt_here_does_not_stop_is_recovered_elsewhere(
    shared: World, server: Server, *, effect: bool
) -> None:
    go, renewals = Event(), Renewals(shared.effects, away=True)
    shared.tools.have("send", does_not_stop(go), effect=effect, idempotent=effect)
    run = replace(execute(server), run=renewed_soon(server, renewals))
    asked = create_task(all_of(run(command())))
    await until(lambda: bool(shared.tools.runs))
    shared.clock.advance(LEASE + 1)
    other = Server(world=shared, name="other")
    shared.tools.have("send", answers("sent"), effect=effect, idempotent=effect)

    assert await server.recover_lost(9) == 0
    assert await other.recover_lost(9) == 1
    await other.running_calls.drain(PATIENCE)
    renewals.away = False

    # Whoever watches here is told of it, though the attempt here goes on.
    assert (await asked)[-1].invocation.result == "sent"
    assert len(server.running_calls) == 1
    go.set()
    await server.running_calls.drain(PATIENCE)
    assert invoked(shared) == [InvocationState.SUCCEEDED]


async def test_a_second_start_of_a_call_that_runs_here_changes_nothing(
    shared: World, server: Server, told: list[str]
) -> None:
    go = Event()
    shared.tools.have("send", runs_until(go, told), effect=True, idempotent=True)
    await lost(shared, server)
    (taken,) = await shared.effects.take_over(9)
    began = shared.clock.monotonic()
    again = StartedCall(
        invocation=taken.invocation, principal=principal(), fence=taken.fence, began=began
    )

    server.running_calls.start(server.run_call, again)
    await passes()

    assert (told, len(server.running_calls)) == (["begun"], 1)
    go.set()
    await server.running_calls.drain(PATIENCE)
    assert (told, invoked(shared)) == (["begun", "done"], [])


async def test_an_attempt_stops_when_a_renewal_says_that_the_call_is_another_s(
    shared: World, server: Server, told: list[str]
) -> None:
    go, renewals = Event(), Renewals(shared.effects)
    shared.tools.have("send", runs_until(go, told), effect=True)
    run = replace(execute(server), run=renewed_soon(server, renewals))
    await anext(run(command()))
    await until(lambda: told == ["begun"])
    shared.clock.advance(3600)
    (taken,) = await shared.effects.take_over(9)

    await until(lambda: False in renewals.answers)
    await passes()
    go.set()
    await until(lambda: len(server.running_calls) == 0)

    assert told == ["begun", "stopped"]
    kept = await shared.invocations.invocation(TENANT, taken.invocation.id)
    assert (kept.state, invoked(shared)) == (InvocationState.STARTED, [])
    assert server.tool_health.allows("send")


async def test_a_recovery_stops_when_a_renewal_says_that_the_call_is_another_s(
    shared: World, server: Server, told: list[str]
) -> None:
    shared.tools.have("send", waits_forever, effect=True, idempotent=True)
    await lost(shared, server)
    go, renewals = Event(), Renewals(shared.effects)
    shared.tools.have("send", runs_until(go, told), effect=True, idempotent=True)
    other = Server(world=shared, name="other")
    assert await replace(other.recover_lost, run=renewed_soon(other, renewals))(9) == 1
    await until(lambda: told == ["begun"])
    shared.clock.advance(3600)
    (taken,) = await shared.effects.take_over(9)

    await until(lambda: False in renewals.answers)
    await passes()
    go.set()
    await until(lambda: len(other.running_calls) == 0)

    assert (told, taken.fence) == (["begun", "stopped"], 2)
    assert (invoked(shared), other.losses.calls) == ([], [])


@final
class BrokenTools:
    """Tools that cannot be listed, by a defect that looks like a time that is over."""

    def tools(self) -> Sequence[Tool]:
        raise TimeoutError

    async def run(self, tool: str, arguments: str, context: ToolContext) -> str:
        raise ToolFailedError(tool, arguments or str(context.seconds))

    async def status(self, tool: str, context: ToolContext) -> ToolStatus:
        raise ToolFailedError(tool, str(context.seconds))


async def test_a_recovery_that_meets_a_defect_is_not_taken_for_another_server_s(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", waits_forever, effect=True)
    await lost(shared, server)
    (taken,) = await shared.effects.take_over(9)
    began = shared.clock.monotonic()
    call = StartedCall(
        invocation=taken.invocation, principal=principal(), fence=taken.fence, began=began
    )

    with pytest.raises(TimeoutError):
        await replace(server.run_call, recover=RecoverCall(runner=BrokenTools()))(call)


async def test_a_call_is_renewed_again_when_the_database_is_back(
    shared: World, server: Server, told: list[str]
) -> None:
    go, renewals = Event(), Renewals(shared.effects, away=True)
    shared.tools.have("send", runs_until(go, told), effect=True)
    run = replace(execute(server), run=renewed_soon(server, renewals))
    await anext(run(command()))
    await until(lambda: told == ["begun"])
    shared.clock.advance(LEASE + 1)
    assert await server.recover_lost(9) == 0

    renewals.away = False
    await until(lambda: True in renewals.answers)
    go.set()
    await server.running_calls.drain(PATIENCE)

    assert (told, invoked(shared)) == (["begun", "done"], [InvocationState.SUCCEEDED])


async def test_a_tool_that_answers_its_own_stop_has_nothing_written_for_the_lost_call(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", does_not_stop(go := Event()), effect=True)
    go.set()
    run = replace(execute(server), run=replace(server.run_call, lease_seconds=SOON))
    await anext(run(command()))
    await until(lambda: bool(shared.tools.runs))
    shared.clock.advance(3600)
    (taken,) = await shared.effects.take_over(9)

    await until(lambda: len(server.running_calls) == 0)

    kept = await shared.invocations.invocation(TENANT, taken.invocation.id)
    assert (kept.state, invoked(shared)) == (InvocationState.STARTED, [])


@final
@dataclass(slots=True)
class StrikingClock:
    """A clock whose seconds cannot be read while it strikes."""

    clock: Clock
    strikes: bool = False

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        if self.strikes:
            raise ValueError(self.strikes)
        return self.clock.monotonic()


async def test_a_renewal_that_meets_a_defect_is_told_of_and_made_again(
    shared: World, server: Server
) -> None:
    defects: list[Exception] = []
    get_running_loop().set_exception_handler(
        lambda _, context: defects.append(context["exception"])
    )
    clock, go = StrikingClock(shared.clock), Event()
    effects = replace(shared.effects, clock=clock)
    run = replace(
        execute(server), run=replace(server.run_call, effects=effects, lease_seconds=SOON)
    )
    shared.tools.have("send", waits_for(go, "sent"), effect=True)
    await anext(run(command()))
    clock.strikes = True
    await until(lambda: len(defects) > 1)

    clock.strikes = False
    shared.clock.advance(LEASE / 2)
    (call,) = shared.store.invocations
    renewed = shared.clock.monotonic() + LEASE
    await until(lambda: shared.store.invocations[call].lease_until == renewed)
    go.set()
    assert await server.running_calls.drain(PATIENCE) == 0

    assert invoked(shared) == [InvocationState.SUCCEEDED]
