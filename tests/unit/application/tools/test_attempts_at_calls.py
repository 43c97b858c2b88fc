"""An attempt at a call that its server has lost stops, and is over before the next one here."""

from asyncio import CancelledError, Event, create_task, get_running_loop, sleep
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import final

import pytest

from application.kernel.ports import Clock
from domain.tools.invocation import InvocationState
from domain.tools.tool_status import CallFate, ToolStatus
from tests.builders import TENANT
from tests.doubles import PATIENCE, Asked, Running, until, waits_for
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World
from tests.unit.application.tools.calls import command, execute, invoked, lost, shown

SOON = 0.01
"""Seconds of a lease for which a test waits."""


@pytest.fixture
def told() -> list[str]:
    """What the tool has seen, in order."""
    return []


def stops_slowly(told: list[str]) -> Running:
    async def run() -> str:
        told.append("begun")
        try:
            await Event().wait()
        finally:
            for _ in range(9):
                await sleep(0)
            told.append("stopped")
        return ""

    return run


def does_not_stop(go: Event) -> Running:
    async def run() -> str:
        with suppress(CancelledError):
            await Event().wait()
        await go.wait()
        return "late"

    return run


def never_came(told: list[str]) -> Asked:
    async def status() -> ToolStatus:
        told.append("asked")
        return ToolStatus(CallFate.NOT_EXECUTED)

    return status


async def test_a_call_is_recovered_here_when_its_first_attempt_here_has_ended(
    shared: World, server: Server, told: list[str]
) -> None:
    shared.tools.have("send", stops_slowly(told), effect=True)
    shared.tools.can_be_asked("send", never_came(told))
    await lost(shared, server)

    assert await server.recover_lost(9) == 1
    await server.running_calls.drain(PATIENCE)

    assert told == ["begun", "stopped", "asked"]
    assert invoked(shared) == [InvocationState.FAILED]
    assert server.losses.calls == [InvocationState.FAILED]


async def test_a_recovery_goes_on_running_here_when_the_attempt_before_has_ended(
    shared: World, server: Server
) -> None:
    first, second = Event(), Event()
    shared.tools.have("send", does_not_stop(first), effect=True, idempotent=True)
    await lost(shared, server)
    (call,) = shared.store.invocations.values()
    attempt = server.running_calls.find(call.invocation.id)
    assert attempt is not None
    shared.tools.have("send", waits_for(second, "sent"), effect=True, idempotent=True)
    assert await server.recover_lost(9) == 1

    first.set()
    await until(attempt.done)
    await until(lambda: len(shared.tools.runs) == 2)

    assert len(server.running_calls) == 1
    assert server.running_calls.find(call.invocation.id) is not None
    draining = create_task(server.running_calls.drain(PATIENCE))
    second.set()
    assert await draining == 0
    assert invoked(shared) == [InvocationState.SUCCEEDED]


async def test_a_call_whose_attempt_here_does_not_stop_is_unknown_and_not_asked_about(
    shared: World, server: Server, told: list[str]
) -> None:
    go = Event()
    shared.tools.have("send", does_not_stop(go), effect=True)
    shared.tools.can_be_asked("send", never_came(told))
    await lost(shared, server)
    recover = replace(server.recover_lost, run=replace(server.run_call, lease_seconds=SOON))

    assert await recover(9) == 1
    await until(lambda: bool(invoked(shared)))
    go.set()
    await server.running_calls.drain(PATIENCE)

    assert (told, invoked(shared)) == ([], [InvocationState.UNKNOWN])
    assert (await shown(server, command()))[-1].invocation.state is InvocationState.UNKNOWN


async def test_an_attempt_stops_when_a_renewal_says_that_the_call_is_another_s(
    shared: World, server: Server, told: list[str]
) -> None:
    shared.tools.have("send", stops_slowly(told), effect=True)
    run = replace(execute(server), run=replace(server.run_call, lease_seconds=SOON))
    asked = create_task(anext(run(command())))
    await until(lambda: told == ["begun"])
    await asked
    shared.clock.advance(3600)
    (taken,) = await shared.effects.take_over(9)

    await until(lambda: len(server.running_calls) == 0)

    assert told == ["begun", "stopped"]
    kept = await shared.invocations.invocation(TENANT, taken.invocation.id)
    assert (kept.state, invoked(shared)) == (InvocationState.STARTED, [])
    assert server.tool_health.allows("send")


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
