"""A process that wakes after its lease ran out shows, calls and writes nothing more."""

from asyncio import Event

import pytest

from adapters.inmemory.language_model import called, said
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.doubles import FlakyJournal, answers, until, waits_for
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, manifest, world

SEND = ToolCall("a", "send", "{}")


@pytest.fixture
async def shared() -> World:
    return await world(manifest(intelligence=5))


async def test_a_tool_that_was_reserved_is_not_called(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=flaky)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(SEND), said("It was sent."))
    done, wake = flaky.hold_back("extend")
    turn_id = await server.say("Send it")
    await done.wait()
    running = server.drivers.find(turn_id)
    assert running is not None
    shared.clock.advance(LEASE + 1)

    wake.set()
    await running.ended.wait()

    assert shared.tools.runs == []
    assert len(shared.model.requests) == 1
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert kept.state is InvocationState.STARTED
    assert (await server.turn(turn_id)).state is TurnState.RUNNING


async def test_no_model_is_called_after_a_tool_that_took_too_long(shared: World) -> None:
    server, other = Server(world=shared), Server(world=shared, name="other")
    wake = Event()
    shared.tools.have("send", waits_for(wake, "sent"), effect=True)
    shared.model.will_say(called(SEND), said("Nobody knows."))
    turn_id = await server.say("Send it")
    await until(lambda: len(shared.tools.runs) == 1)
    running = server.drivers.find(turn_id)
    assert running is not None
    shared.clock.advance(LEASE + 1)
    await other.sweep()
    turn = await other.settled(turn_id)
    asked, shown = len(shared.model.requests), running.log.next_sequence

    wake.set()
    await running.ended.wait()

    assert turn.answer == "Nobody knows."
    assert len(shared.model.requests) == asked
    assert running.log.next_sequence == shown
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert kept.state is InvocationState.UNKNOWN
    assert shared.spent(Metric.TOOL_CALLS) == 1


async def test_an_end_that_comes_too_late_is_not_made(shared: World) -> None:
    server, other = Server(world=shared), Server(world=shared, name="other")
    wake = Event()
    shared.model.will_say([wake, *said("Too late.")], said("In time."))
    turn_id = await server.say()
    running = server.drivers.find(turn_id)
    assert running is not None
    await until(lambda: shared.model.open_streams == 1)
    shared.clock.advance(LEASE + 1)
    await other.sweep()
    turn = await other.settled(turn_id)

    wake.set()
    await running.ended.wait()

    assert turn.answer == "In time."
    assert await server.turn(turn_id) == turn
    assert len(shared.store.records) == 1
    assert server.observer.ended == []
