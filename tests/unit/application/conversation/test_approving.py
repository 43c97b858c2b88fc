"""A turn waits for a person, on no server's lease, and goes on with what was decided."""

from asyncio import create_task

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.ports.models import ModelEnd, ModelText
from domain.conversation.errors import TurnAlreadyEndedError
from domain.conversation.message import Role, ToolCall
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import (
    AnswerStatus,
    ApprovalRequested,
    Completed,
    Paused,
    Resumed,
    ToolAnswered,
    ToolCalled,
)
from domain.kernel.metering import Metric
from domain.tools.errors import (
    InvocationAlreadyDecidedError,
    InvocationNotFoundError,
)
from domain.tools.events import ApprovalDecided
from domain.tools.events import ApprovalRequested as ApprovalRequestedFact
from domain.tools.invocation import APPROVAL_TIME, InvocationState
from tests.builders import INVOCATION, SESSION, TENANT
from tests.doubles import answers
from tests.fakes import WrongClock
from tests.inmemory_application import Server
from tests.inmemory_world import World, manifest
from tests.unit.application.conversation.paused_turns import asking_world, paused, waiting


@pytest.fixture
async def shared() -> World:
    return await asking_world()


async def test_a_call_that_needs_a_person_pauses_the_turn(shared: World, server: Server) -> None:
    turn_id = await server.say("Send it")
    events = await server.shown(turn_id)
    await server.settled(turn_id)
    turn = await server.turn(turn_id)

    assert turn.state is TurnState.PAUSED
    assert isinstance(asked := events[-2].body, ApprovalRequested)
    assert (asked.tool, asked.arguments) == ("send", '{"to":"grace"}')
    assert isinstance(last := events[-1].body, Paused)
    assert last.waiting == (asked.invocation_id,)
    assert shared.tools.runs == []
    assert [shared.held(metric) for metric in Metric] == [0] * len(Metric)
    assert shared.spent(Metric.TOKENS) == turn.usage.tokens == 19


async def test_a_call_waits_for_a_day_whatever_the_clock_of_its_server_says(shared: World) -> None:
    server = Server(world=shared, clock=WrongClock(shared.clock))

    turn_id = await paused(server)

    (call,) = await shared.reader.invocations(TENANT, turn_id)
    assert call.expires_at == shared.clock.now() + APPROVAL_TIME
    facts = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    (asked,) = [one for one in facts if isinstance(one, ApprovalRequestedFact)]
    assert asked.expires_at == call.expires_at


async def test_a_turn_that_was_approved_goes_on_to_its_answer(
    shared: World, server: Server
) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)

    decided = await server.decided(invocation_id, approved=True)
    turn = await server.settled(turn_id)

    assert decided.state is InvocationState.PERMITTED
    assert decided.decided_by == "grace"
    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "It was sent.")
    assert shared.tools.runs == [("send", '{"to":"grace"}')]
    events = await server.shown(turn_id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [type(event.body) for event in events]
    assert kinds.count(ToolCalled) == kinds.count(ToolAnswered) == 1
    assert kinds.index(Paused) + 1 == kinds.index(Resumed)
    assert kinds[-1] is Completed
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (kept.state, kept.result) == (InvocationState.SUCCEEDED, "sent")
    assert [shared.held(metric) for metric in Metric] == [0] * len(Metric)
    assert shared.spent(Metric.TOKENS) == turn.usage.tokens
    assert shared.spent(Metric.TOOL_CALLS) == turn.usage.tool_calls == 1
    assert shared.spent(Metric.API_CALLS) == turn.usage.api_calls == 1


async def test_what_the_model_had_said_is_kept_over_the_pause(
    shared: World, server: Server
) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    await server.decided(invocation_id, approved=True)
    await server.settled(turn_id)

    heard = shared.model.requests[-1].messages

    assert [message.role for message in heard] == [
        Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL,
    ]  # fmt: skip
    assert heard[2].calls == (ToolCall("call_1", "send", '{"to":"grace"}'),)
    assert (heard[3].call_id, heard[3].text) == ("call_1", "sent")


async def test_a_rejection_is_what_the_model_is_told(shared: World, server: Server) -> None:
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")), said("I did not send it."))
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)

    await server.decided(invocation_id, approved=False)
    turn = await server.settled(turn_id)

    assert turn.answer == "I did not send it."
    assert shared.tools.runs == []
    assert "REJECTED" in shared.model.requests[-1].messages[-1].text
    answer = next(
        event.body for event in await server.shown(turn_id) if isinstance(event.body, ToolAnswered)
    )
    assert (answer.status, answer.reason) == (AnswerStatus.DENIED, "APPROVAL_REJECTED")
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert kept.state is InvocationState.REJECTED
    assert shared.spent(Metric.TOOL_CALLS) == 0


async def test_a_turn_goes_on_when_the_last_of_its_calls_is_decided(
    shared: World, server: Server
) -> None:
    calls = (ToolCall("a", "send", "{}"), ToolCall("b", "clock", "{}"))
    shared.model.will_say(called(*calls), said("Done."))
    turn_id = await paused(server)
    one, other = await waiting(server, turn_id)

    await server.decided(other, approved=True)
    assert (await server.turn(turn_id)).state is TurnState.PAUSED
    await server.decided(one, approved=False)
    turn = await server.settled(turn_id)

    assert turn.answer == "Done."
    assert shared.tools.runs == [("clock", "{}")]
    assert [one.call_id for one in shared.model.requests[-1].messages[-2:]] == ["a", "b"]


async def test_only_dangerous_tools_wait_in_the_middle_of_autonomy(
    shared: World, server: Server
) -> None:
    shared.install(manifest(autonomy=5))
    shared.tools.have("send", answers("sent"), effect=True, dangerous=True)
    calls = (ToolCall("a", "clock", "{}"), ToolCall("b", "send", "{}"))
    shared.model.will_say(called(*calls), said("Done."))
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)

    await server.decided(invocation_id, approved=True)
    turn = await server.settled(turn_id)

    assert turn.answer == "Done."
    assert sorted(shared.tools.runs) == [("clock", "{}"), ("send", "{}")]
    events = await server.shown(turn_id)
    asked = [event.body.tool for event in events if isinstance(event.body, ToolCalled)]
    assert asked == ["clock", "send"]


async def test_the_same_decision_again_changes_nothing(shared: World, server: Server) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)

    await server.decided(invocation_id, approved=True)
    await server.settled(turn_id)
    with pytest.raises(InvocationAlreadyDecidedError):
        await server.decided(invocation_id, approved=False)
    await server.decided(invocation_id, approved=True)

    assert len(shared.tools.runs) == 1


async def test_a_decision_is_published_once(shared: World, server: Server) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)

    await server.decided(invocation_id, approved=True)
    await server.decided(invocation_id, approved=True)
    await server.settled(turn_id)

    told = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    (fact,) = [one for one in told if isinstance(one, ApprovalDecided)]
    assert (fact.state, fact.decider) == (InvocationState.PERMITTED, "grace")


async def test_a_call_that_never_was_cannot_be_decided(server: Server) -> None:
    with pytest.raises(InvocationNotFoundError):
        await server.decided(INVOCATION, approved=True)


async def test_a_call_of_a_cancelled_turn_cannot_be_decided(shared: World, server: Server) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    await server.cancel(turn_id)

    with pytest.raises(TurnAlreadyEndedError):
        await server.decided(invocation_id, approved=True)

    assert shared.tools.runs == []


async def test_a_watcher_is_released_at_the_pause_and_again_at_the_end(server: Server) -> None:
    turn_id = await server.say("Send it")
    before = await server.shown(turn_id)
    await server.settled(turn_id)
    (invocation_id,) = await waiting(server, turn_id)
    await server.decided(invocation_id, approved=True)

    after = await server.shown(turn_id, after=before[-1].sequence)

    assert isinstance(after[0].body, Resumed)
    assert isinstance(after[-1].body, Completed)


async def test_text_before_the_pause_is_part_of_what_was_shown(
    shared: World, server: Server
) -> None:
    end = ModelEnd(
        finish_reason="tool_calls",
        calls=(ToolCall("call_1", "send", "{}"),),
        prompt_tokens=12,
        completion_tokens=7,
    )
    shared.model.will_say([ModelText("I shall send it."), end], said("Sent."))
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    watching = create_task(server.shown(turn_id))
    await watching

    await server.decided(invocation_id, approved=True)
    turn = await server.settled(turn_id)

    assert turn.answer == "Sent."
    assert shared.model.requests[-1].messages[-2].text == "I shall send it."


async def test_calls_to_which_the_model_gave_the_same_id_run_once_each(
    shared: World, server: Server
) -> None:
    calls = (ToolCall("same", "send", '{"to":"ada"}'), ToolCall("same", "send", '{"to":"bob"}'))
    shared.model.will_say(called(*calls), said("Both."))
    turn_id = await paused(server)
    for invocation_id in await waiting(server, turn_id):
        await server.decided(invocation_id, approved=True)

    await server.settled(turn_id)

    assert sorted(shared.tools.runs) == [("send", '{"to":"ada"}'), ("send", '{"to":"bob"}')]
