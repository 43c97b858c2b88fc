"""A call that was written as started is run, though the database's answer to that was lost."""

from dataclasses import replace

from adapters.failpoints.calls import with_points
from adapters.failpoints.failpoints import Failpoints
from application.tools.ports import EffectJournal
from domain.kernel.errors import StorageUnavailableError
from domain.tools.invocation import InvocationState
from tests.inmemory_application import Server
from tests.inmemory_world import World
from tests.unit.application.tools.approved import approved_and_left, ended
from tests.unit.application.tools.calls import command, execute


def losing(shared: World, step: str) -> EffectJournal:
    """The journal, whose first answer to a step is lost."""
    failpoints = Failpoints.of(f"effects.{step}.after=error")
    return with_points("effects", shared.effects, failpoints, StorageUnavailableError)


async def test_a_call_runs_whose_beginning_was_written_and_not_answered(
    shared: World, server: Server
) -> None:
    run = replace(execute(server), effects=losing(shared, "begin"))

    events = [event async for event in run(command())]

    assert events[-1].invocation.state is InvocationState.SUCCEEDED
    assert len(shared.tools.runs) == 1


async def test_an_approved_call_runs_whose_start_was_written_and_not_answered(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)
    run = replace(server.run_approved, effects=losing(shared, "start"))

    started = await run(call, "acme")

    assert started.state is InvocationState.STARTED
    assert (await ended(server, call)).state is InvocationState.SUCCEEDED
    assert len(shared.tools.runs) == 1
