"""What is asked again after a lost answer is done once, and a turn always ends."""

from asyncio import Event, create_task

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.drive_turn import SAVE_ATTEMPTS
from application.conversation.ports.observing import TakenOver
from application.kernel.insisting import ATTEMPTS
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import SessionId
from domain.kernel.metering import Metric
from domain.tools.errors import ToolFailedError
from domain.tools.invocation import InvocationState
from tests.builders import INVOCATION, TENANT
from tests.doubles import FlakyJournal, answers, fails, until, waits_for
from tests.inmemory_application import LEASE, REQUEST, Server
from tests.inmemory_world import World, manifest, world

SECOND = REQUEST[:-1] + "2"


OTHER_SESSION = SessionId(INVOCATION)


@pytest.mark.parametrize("step", ["finish"])
async def test_an_end_whose_answer_was_lost_is_asked_for_again(shared: World, step: str) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={step: 3})
    server = Server(world=shared, journal=flaky)

    turn_id = await server.say()
    events = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert turn.state is TurnState.COMPLETED
    assert [event.final for event in events].count(True) == 1
    assert len(shared.store.records) == 1
    assert shared.spent(Metric.API_CALLS) == 1
    assert await server.shown(turn_id) == events


async def test_a_turn_whose_acceptance_was_not_heard_of_is_driven_at_once(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={"accept": 2})
    server = Server(world=shared, journal=flaky)
    shared.model.will_say(said("Heard."))

    turn = await server.answered()

    assert (turn.state, turn.answer, turn.fence) == (TurnState.COMPLETED, "Heard.", 1)
    assert len(shared.store.turns) == 1
    assert shared.spent(Metric.API_CALLS) == 1


async def test_a_queued_turn_that_is_promoted_before_it_is_heard_of_knows_what_was_said(
    shared: World,
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=flaky)
    go = Event()
    shared.model.will_say([go, *said("One.")], said("Two."))
    first = await server.say("1")
    accepted, lose = flaky.hold_back("accept")
    flaky.lost["accept"] = 1
    asking = create_task(server.say("2", request_id=SECOND))
    await accepted.wait()
    go.set()
    await server.settled(first)

    lose.set()
    second = await asking
    assert server.drivers.find(second) is None
    await server.start_promoted()

    assert (await server.settled(second)).answer == "Two."
    prompt = [message.text for message in shared.model.requests[-1].messages]
    assert prompt[-3:] == ["1", "One.", "2"]


@pytest.mark.parametrize("lost", [0, 1])
async def test_an_end_that_a_renewal_sees_before_its_driver_hears_of_it_is_told_of(
    shared: World, lost: int
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={"finish": lost})
    server = Server(world=shared, journal=flaky)
    done, go = flaky.hold_back("finish")
    turn_id = await server.say()
    await done.wait()
    shared.clock.advance(LEASE / 2)

    await server.drivers.keep()
    go.set()
    turn = await server.settled(turn_id)

    assert turn.state is TurnState.COMPLETED
    assert [one.turn_id for one in server.observer.ended] == [turn_id]
    assert [event.final for event in await server.shown(turn_id)].count(True) == 1


async def test_a_round_whose_answer_was_lost_is_not_reserved_twice(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={"extend": 2})
    server = Server(world=shared, journal=flaky)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")), said("Sent."))

    turn = await server.answered()

    assert turn.answer == "Sent."
    assert len(shared.tools.runs) == 1
    assert shared.held(Metric.TOKENS) == 0
    assert shared.spent(Metric.TOOL_CALLS) == 1


async def test_a_tool_whose_start_may_be_written_is_not_left_as_started(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={"extend": ATTEMPTS})
    server = Server(world=shared, journal=flaky)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))

    turn = await server.answered()

    (kept,) = await shared.reader.invocations(TENANT, turn.id)
    assert (turn.state, kept.state) == (TurnState.FAILED, InvocationState.UNKNOWN)
    assert shared.tools.runs == []


async def test_a_turn_that_is_cancelled_while_a_round_is_reserved_leaves_no_tool_as_started(
    shared: World,
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=flaky)
    reserved, _ = flaky.hold_back("extend")
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))
    turn_id = await server.say()
    await reserved.wait()

    turn = await server.cancel(turn_id)

    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (turn.state, kept.state) == (TurnState.CANCELLED, InvocationState.UNKNOWN)


async def test_a_turn_that_may_be_paused_is_not_ended_and_billed_once() -> None:
    shared = await world(manifest(autonomy=2))
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={"pause": SAVE_ATTEMPTS})
    server = Server(world=shared, journal=flaky)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))

    turn = await server.answered()

    assert turn.state is TurnState.PAUSED
    assert len(server.drivers) == 0
    assert len(shared.store.ledger) == len([Metric.TOKENS, Metric.API_CALLS])
    assert shared.spent(Metric.TOKENS) == turn.usage.tokens


async def test_when_the_database_stays_away_the_turn_is_left_to_the_sweep(
    shared: World,
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={"finish": 99})
    server = Server(world=shared, journal=flaky)
    shared.model.will_say(said("Unheard."))

    turn_id = await server.say()
    await server.settled(turn_id)

    assert len(server.drivers) == 0
    assert (await server.turn(turn_id)).state is TurnState.COMPLETED


async def test_no_tool_of_a_round_outlives_its_turn(shared: World, server: Server) -> None:
    shared.tools.have("slow", waits_for(Event()), effect=True)
    shared.tools.have("broken", fails(ZeroDivisionError()))
    calls = (ToolCall("a", "slow", "{}"), ToolCall("b", "broken", "{}"))
    shared.model.will_say(called(*calls))

    turn_id = await server.say()
    turn = await server.settled(turn_id)

    assert turn.failure is not None
    assert turn.failure.reason == "INTERNAL"
    kept = {one.tool: one.state for one in await shared.reader.invocations(TENANT, turn_id)}
    assert kept["slow"] is InvocationState.UNKNOWN


async def test_a_tool_with_effects_that_failed_is_written_as_failed(
    shared: World, server: Server
) -> None:
    shared.tools.have("send", fails(ToolFailedError("send", "no such address")), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")), said("No."))

    turn = await server.answered()

    (kept,) = await shared.reader.invocations(TENANT, turn.id)
    assert (kept.state, kept.reason) == (InvocationState.FAILED, "TOOL_FAILED")


async def test_what_cannot_be_stored_is_replaced_and_the_turn_ends(
    shared: World, server: Server
) -> None:
    shared.tools.have("clock", answers("no\x00on \udc80"))
    shared.model.will_say(
        called(ToolCall("call\x00", "clock", '{"zone":"\ud800"}')), said("a\x00b \ud83d")
    )

    turn = await server.answered()

    assert turn.answer == "a\ufffdb \ufffd"
    (kept,) = await shared.reader.invocations(TENANT, turn.id)
    assert (kept.call_id, kept.result) == ("call\ufffd", "no\ufffdon \ufffd")


async def test_an_answer_that_cannot_be_kept_ends_its_turn_as_broken(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), defects=[ValueError("secret")])
    server = Server(world=shared, journal=flaky)

    turn = await server.answered()

    assert turn.failure is not None
    assert (turn.state, turn.failure.reason) == (TurnState.FAILED, "INTERNAL")
    assert [type(error) for error in server.observer.defects] == [ValueError]
    assert shared.held(Metric.TOKENS) == 0


async def test_a_lost_turn_that_cannot_be_ended_keeps_no_other_from_its_end(
    shared: World,
) -> None:
    shared.open(OTHER_SESSION)
    lost = Server(world=shared, name="lost")
    flaky = FlakyJournal(lost.plain_journal(), defects=[ValueError("secret")] * 3)
    other = Server(world=shared, name="other", journal=flaky)
    shared.model.will_say([Event()])
    first = await lost.say("1", seconds=LEASE)
    second = await lost.say("2", session_id=OTHER_SESSION, seconds=LEASE)
    await until(lambda: shared.model.open_streams == 2)
    shared.clock.advance(LEASE + 1)

    await other.sweep()

    turns = [await other.turn(turn_id) for turn_id in (first, second)]
    assert sorted(turn.state for turn in turns) == [TurnState.RUNNING, TurnState.FAILED]
    shared.clock.advance(LEASE + 1)
    await other.sweep()
    turns = [await other.turn(turn_id) for turn_id in (first, second)]
    assert [turn.state for turn in turns] == [TurnState.FAILED] * 2
    assert sorted(other.observer.taken) == [TakenOver.BROKE, TakenOver.FAILED, TakenOver.FAILED]
    assert [type(error) for error in other.observer.defects] == [ValueError] * 3
