"""A turn can be cancelled in every state, from any server, and is settled as far as it came."""

import json
from asyncio import Event, create_task, sleep

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.cancel_turn import CancelTurnCommand
from application.conversation.ports.models import ModelText
from application.conversation.ports.signals import Signal, SignalKind
from application.tools.ports import Outcome
from domain.conversation.errors import TurnAlreadyEndedError, TurnNotFoundError
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Cancelled, Paused
from domain.kernel.identifiers import SessionId
from domain.kernel.metering import Metric
from domain.provenance.salted_hash import salted_hash
from domain.tools.events import ToolInvoked
from domain.tools.invocation import InvocationState
from tests.builders import INVOCATION, SESSION, TENANT, TURN
from tests.doubles import FlakyJournal, answers, until, waits_for
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World, manifest

SECOND = REQUEST[:-1] + "2"


async def streaming(shared: World) -> None:
    """Let everything that can run, run."""
    await until(lambda: shared.model.open_streams > 0)
    for _ in range(5):
        await sleep(0)


async def test_a_running_turn_is_cancelled_and_its_socket_freed(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("Once upon"), Event()])
    turn_id = await server.say()
    await streaming(shared)

    turn = await server.cancel(turn_id, by="ada")

    assert turn.state is TurnState.CANCELLED
    assert shared.model.open_streams == 0
    assert isinstance(last := (await server.shown(turn_id))[-1].body, Cancelled)
    assert last.by == "ada"
    assert last.usage.completion_tokens == len("Once upon")
    assert last.usage.estimated
    assert shared.held(Metric.TOKENS) == 0
    assert shared.spent(Metric.TOKENS) == last.usage.tokens


async def test_cancelling_again_changes_nothing(shared: World, server: Server) -> None:
    shared.model.will_say([Event()])
    turn_id = await server.say()
    await streaming(shared)

    assert await server.cancel(turn_id) == await server.cancel(turn_id, by="grace")


async def test_a_queued_turn_is_cancelled_and_leaves_its_place(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([go, *said("One.")], said("Three."))
    first = await server.say("1")
    second = await server.say("2", request_id=SECOND)
    third = await server.say("3", request_id=REQUEST[:-1] + "3")

    cancelled = await server.cancel(second)
    go.set()
    await server.settled(first)
    await server.start_promoted()

    assert cancelled.state is TurnState.CANCELLED
    assert cancelled.usage.tokens == 0
    assert (await server.settled(third)).answer == "Three."
    assert shared.held(Metric.TOKENS) == 0


async def test_the_next_turn_runs_when_the_one_before_is_cancelled(
    shared: World, server: Server
) -> None:
    shared.model.will_say([Event()], said("Two."))
    first = await server.say("1")
    second = await server.say("2", request_id=SECOND)
    await streaming(shared)

    await server.cancel(first)
    await server.start_promoted()

    assert (await server.settled(second)).answer == "Two."


async def test_a_paused_turn_is_cancelled(shared: World, server: Server) -> None:
    shared.install(manifest(autonomy=2))
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")), said("Two."))
    turn_id = await server.say("1")
    waiting = await server.say("2", request_id=SECOND)
    assert isinstance((await server.shown(turn_id))[-1].body, Paused)
    await server.settled(turn_id)

    turn = await server.cancel(turn_id)
    await server.start_promoted()

    assert turn.state is TurnState.CANCELLED
    events = await server.shown(turn_id)
    assert isinstance(events[-1].body, Cancelled)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert turn.usage.prompt_tokens == 12
    assert shared.spent(Metric.TOKENS) == turn.usage.tokens
    assert (await server.settled(waiting)).answer == "Two."


async def test_a_turn_is_cancelled_from_another_server(shared: World) -> None:
    driving, other = Server(world=shared, name="one"), Server(world=shared, name="other")
    shared.model.will_say([Event()])
    turn_id = await driving.say()
    await streaming(shared)
    cancelling = create_task(other.cancel(turn_id, by="ada"))
    await until(lambda: (TENANT, turn_id) in shared.store.cancellations)

    await driving.hear(Signal(SignalKind.CANCEL, turn_id))
    await driving.settled(turn_id)
    other.watchers.ring(turn_id)

    assert (await cancelling).state is TurnState.CANCELLED


async def test_a_lost_signal_is_found_by_looking(shared: World) -> None:
    driving, other = Server(world=shared, name="one"), Server(world=shared, name="other")
    shared.model.will_say([Event()])
    turn_id = await driving.say()
    await streaming(shared)
    await other.signals.cancel(TENANT, turn_id, "ada")
    shared.clock.advance(1)

    await driving.drivers.keep()

    assert (await driving.settled(turn_id)).state is TurnState.CANCELLED


async def test_a_turn_that_was_answered_is_not_cancelled(server: Server) -> None:
    turn = await server.answered()

    with pytest.raises(TurnAlreadyEndedError):
        await server.cancel(turn.id)

    assert await server.turn(turn.id) == turn


async def test_a_turn_that_never_was_is_not_cancelled(server: Server) -> None:
    with pytest.raises(TurnNotFoundError):
        await server.cancel(TURN)


async def test_a_cancellation_that_comes_while_the_end_is_committed_is_too_late(
    shared: World,
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=flaky)
    done, go = flaky.hold_back("finish")
    turn_id = await server.say()
    await done.wait()

    cancelling = create_task(server.cancel(turn_id))
    await sleep(0)
    go.set()

    with pytest.raises(TurnAlreadyEndedError):
        await cancelling
    assert (await server.turn(turn_id)).state is TurnState.COMPLETED


async def test_a_cancellation_at_the_very_end_of_the_answer_leaves_one_end(
    shared: World,
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=flaky)
    go = Event()
    shared.model.will_say([ModelText("Good day."), go, *said("")])
    turn_id = await server.say()
    await streaming(shared)
    running = server.drivers.find(turn_id)
    assert running is not None

    go.set()
    running.cancel("ada")
    turn = await server.settled(turn_id)

    assert turn.state is TurnState.CANCELLED
    assert [event.final for event in await server.shown(turn_id)].count(True) == 1
    assert shared.held(Metric.TOKENS) == 0


async def test_the_calls_of_a_turn_that_is_cancelled_while_it_waits_wait_no_longer(
    shared: World, server: Server
) -> None:
    shared.install(manifest(autonomy=1))
    shared.tools.have("send", answers("sent"), effect=True)
    calls = [ToolCall(f"call_{number}", "send", "{}") for number in (1, 2)]
    shared.model.will_say(called(*calls))
    turn_id = await server.say()
    await server.settled(turn_id)
    first, _ = await shared.reader.invocations(TENANT, turn_id)
    await server.decided(first.id, approved=True)

    await server.cancel(turn_id)

    ended = await shared.reader.invocations(TENANT, turn_id)
    assert {one.state for one in ended} == {InvocationState.DENIED, InvocationState.EXPIRED}
    assert {one.reason for one in ended} == {"TURN_CANCELLED"}
    assert await shared.invocations.awaiting(TENANT, after=None, limit=9) == []
    assert shared.tools.runs == []


async def test_a_tool_whose_outcome_nobody_heard_is_unknown(shared: World, server: Server) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))
    turn_id = await server.say()
    await until(lambda: bool(shared.tools.runs))

    await server.cancel(turn_id)

    (invocation,) = await shared.reader.invocations(TENANT, turn_id)
    assert invocation.state is InvocationState.UNKNOWN
    assert invocation.reason == "TOOL_OUTCOME_UNKNOWN"
    told = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    assert [(one.invocation_id, one.state) for one in told if isinstance(one, ToolInvoked)] == [
        (invocation.id, InvocationState.UNKNOWN)
    ]


@pytest.mark.parametrize(
    ("state", "reason", "result"),
    [
        (InvocationState.SUCCEEDED, "", "sent"),
        (InvocationState.FAILED, "TOOL_FAILED", "no such address"),
    ],
)
async def test_an_outcome_whose_answer_a_cancellation_lost_is_sealed_as_it_is_kept(
    shared: World, server: Server, state: InvocationState, reason: str, result: str
) -> None:
    shared.tools.have("send", waits_for(Event()), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))
    turn_id = await server.say()
    await until(lambda: bool(shared.tools.runs))
    (started,) = await shared.reader.invocations(TENANT, turn_id)
    written = Outcome(
        tenant_id=TENANT,
        invocation_id=started.id,
        fence=1,
        state=state,
        reason=reason,
        result=result,
    )
    await shared.effects.finish(written)

    await server.cancel(turn_id)

    ((place, record),) = shared.store.records.items()
    (sealed,) = json.loads(record.body)["turn"]["tools"]
    hashed = salted_hash(shared.store.nonces[place], result).hex()
    assert (sealed["state"], sealed["reason"], sealed["result"]) == (state.name, reason, hashed)


async def test_under_another_session_s_name_there_is_no_such_turn_to_cancel(
    shared: World, server: Server
) -> None:
    shared.model.will_say([Event()])
    turn_id = await server.say()
    command = CancelTurnCommand(
        tenant_id=TENANT, session_id=SessionId(INVOCATION), turn_id=turn_id, by="ada"
    )

    with pytest.raises(TurnNotFoundError):
        await server.cancel_turn(command)

    assert (await server.turn(turn_id)).state is TurnState.RUNNING
    await server.cancel(turn_id)
