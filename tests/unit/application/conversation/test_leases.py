"""A driver that lost its turn shows nothing more, and a lost turn is ended by another server."""

from asyncio import Event

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.ports.models import ModelText
from application.conversation.running_turn import CEILING_STEP
from domain.conversation.errors import StaleFenceError
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Completed, Failed, Restarted, TextAdded
from domain.kernel.metering import Metric
from domain.kernel.resilience import TURN_DEADLINE
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.doubles import answers, until, waits_for
from tests.inmemory_application import LEASE, REQUEST, Server
from tests.inmemory_world import World, manifest, world

SECOND = REQUEST[:-1] + "2"


@pytest.fixture
async def two_servers() -> tuple[Server, Server]:
    """Of a capsule that lets no tool run without a person's word."""
    shared = await world(manifest(autonomy=2))
    return Server(world=shared, name="lost"), Server(world=shared, name="other")


async def test_a_lease_is_kept_while_its_turn_runs(shared: World, server: Server) -> None:
    go = Event()
    shared.model.will_say([go, *said("At last.")])
    turn_id = await server.say()
    for _ in range(10):
        shared.clock.advance(LEASE / 2)
        await server.drivers.keep()

    assert await server.sweep() == 0
    go.set()
    assert (await server.settled(turn_id)).answer == "At last."


async def test_a_driver_whose_lease_ran_out_shows_nothing_more(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([ModelText("Seen"), go, ModelText("unseen")])
    turn_id = await server.say()
    running = server.drivers.find(turn_id)
    assert running is not None
    await until(lambda: running.log.next_sequence == 4)
    shared.clock.advance(LEASE + 1)

    go.set()
    await running.ended.wait()

    assert running.log.next_sequence == 4
    assert (await server.turn(turn_id)).state is TurnState.RUNNING
    assert server.observer.ended == []
    assert server.observer.defects == []


async def test_what_was_written_before_the_loss_is_not_void(shared: World) -> None:
    lost, other = Server(world=shared, name="lost"), Server(world=shared, name="other")
    shared.model.will_say([ModelText("Written"), Event()])
    turn_id = await lost.say()
    running = lost.drivers.find(turn_id)
    assert running is not None
    await until(lambda: running.log.next_sequence == 4)
    running.watched = True
    await lost.drivers.keep()
    shared.clock.advance(LEASE + 1)
    await other.sweep()

    events = await other.shown(turn_id)

    assert isinstance(events[2].body, TextAdded)
    assert isinstance(void := events[3].body, Restarted)
    assert void.first_sequence == 4
    assert isinstance(last := events[4].body, Failed)
    assert last.partial_text == "Written"


async def test_a_driver_that_comes_back_after_the_sweep_changes_nothing(shared: World) -> None:
    lost, other = Server(world=shared, name="lost"), Server(world=shared, name="other")
    go = Event()
    shared.model.will_say([go, *said("Too late.")])
    turn_id = await lost.say()
    running = lost.drivers.find(turn_id)
    assert running is not None
    await until(lambda: running.log.next_sequence == 3)
    shared.model.will_say(said("In time."))
    shared.clock.advance(LEASE + 1)
    await other.sweep()
    ended = await other.settled(turn_id)
    spent = shared.spent(Metric.TOKENS)

    running.renewed(LEASE, 0, shared.clock.monotonic())
    go.set()
    await running.ended.wait()

    assert ended.answer == "In time."
    assert await other.turn(turn_id) == ended
    assert shared.spent(Metric.TOKENS) == spent
    (end,) = [one.body for one in await lost.shown(turn_id) if isinstance(one.body, Completed)]
    assert end.text == "In time."


async def test_a_driver_that_learns_that_its_lease_is_another_s_stops(shared: World) -> None:
    lost, other = Server(world=shared, name="lost"), Server(world=shared, name="other")
    shared.model.will_say([Event()])
    turn_id = await lost.say()
    running = lost.drivers.find(turn_id)
    assert running is not None
    await until(lambda: shared.model.open_streams == 1)
    shared.model.will_say(said("Done."))
    shared.clock.advance(LEASE + 1)
    await other.sweep()
    await other.settled(turn_id)

    await lost.drivers.keep()
    await running.ended.wait()

    assert shared.model.open_streams == 0
    assert len(lost.drivers) == 0


async def test_a_tool_that_was_running_in_a_lost_turn_is_unknown_and_billed(
    shared: World,
) -> None:
    lost, other = Server(world=shared, name="lost"), Server(world=shared, name="other")
    shared.tools.have("send", waits_for(Event()), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))
    turn_id = await lost.say()
    await until(lambda: len(shared.tools.runs) == 1)
    shared.clock.advance(LEASE + 1)

    await other.sweep()

    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (kept.state, kept.reason) == (InvocationState.UNKNOWN, "TOOL_OUTCOME_UNKNOWN")
    assert (await other.turn(turn_id)).usage.tool_calls == 1
    assert shared.spent(Metric.TOOL_CALLS) == 1


async def test_what_a_pause_settled_is_not_settled_again_when_the_turn_is_lost(
    two_servers: tuple[Server, Server],
) -> None:
    lost, other = two_servers
    shared = lost.world
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(
        [ModelText("Before the pause."), *called(ToolCall("call_1", "send", "{}"))], [Event()]
    )
    turn_id = await lost.say()
    paused = await lost.settled(turn_id)
    (call,) = await shared.reader.invocations(TENANT, turn_id)
    await lost.decided(call.id, approved=True)
    await until(lambda: shared.model.open_streams == 1)
    shared.clock.advance(LEASE + 1)

    await other.sweep()

    usage = (await other.turn(turn_id)).usage
    assert usage.completion_tokens == paused.usage.completion_tokens
    assert (usage.api_calls, usage.tool_calls) == (1, 1)
    assert shared.spent(Metric.TOKENS) == usage.tokens


async def test_a_session_goes_on_after_a_lost_turn(shared: World) -> None:
    lost, other = Server(world=shared, name="lost"), Server(world=shared, name="other")
    shared.model.will_say([Event()], said("Two."))
    await lost.say("1")
    second = await other.say("2", request_id=SECOND)
    await until(lambda: shared.model.open_streams == 1)
    shared.clock.advance(LEASE + 1)

    await other.sweep()
    await other.start_promoted()

    assert (await other.settled(second)).answer == "Two."


async def test_a_promoted_turn_whose_server_is_dead_is_driven_by_another(shared: World) -> None:
    dead, other = Server(world=shared, name="dead"), Server(world=shared, name="other")
    go = Event()
    shared.model.will_say([go, *said("One.")], said("Two."))
    first = await other.say("1")
    second = await dead.say("2", request_id=SECOND)
    go.set()
    await other.settled(first)
    shared.clock.advance(LEASE + 1)

    assert await other.sweep() == 0
    assert await other.start_promoted() == 1

    assert (await other.settled(second)).answer == "Two."


async def test_a_promoted_turn_whose_time_is_over_is_ended(shared: World) -> None:
    dead, other = Server(world=shared, name="dead"), Server(world=shared, name="other")
    go = Event()
    shared.model.will_say([go, *said("One.")])
    first = await other.say("1")
    second = await dead.say("2", request_id=SECOND)
    go.set()
    await other.settled(first)
    shared.clock.advance(TURN_DEADLINE.total_seconds() + 1)

    assert await other.sweep() == 1

    turn = await other.turn(second)
    assert turn.failure is not None
    assert turn.failure.reason == "TURN_ABANDONED"
    assert shared.held(Metric.TOKENS) == 0


async def test_numbers_never_pass_a_ceiling_that_was_not_raised(
    shared: World, server: Server
) -> None:
    words = CEILING_STEP * 3
    shared.model.will_say(said(*["word "] * words))

    turn = await server.settled(await server.say())

    assert turn.answer == "word " * words
    events = await server.shown(turn.id)
    assert [event.sequence for event in events] == list(range(1, words + 4))


async def test_a_stale_check_raises(shared: World, server: Server) -> None:
    shared.model.will_say([Event()])
    running = server.drivers.find(await server.say())
    assert running is not None
    shared.clock.advance(LEASE + 1)

    with pytest.raises(StaleFenceError):
        running.check()
