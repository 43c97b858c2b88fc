"""What a lost server had begun with tools is not begun again, and not forgotten."""

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.lost_turn import INTERRUPTED
from application.conversation.ports.models import ModelText
from domain.conversation.message import Message, Role
from domain.conversation.turn_event import (
    AnswerStatus,
    TextAdded,
    ToolAnswered,
    ToolCalled,
)
from domain.tools.events import ToolInvoked
from domain.tools.invocation import InvocationState
from tests.builders import SESSION, TENANT, remembered
from tests.doubles import answers, until, waits_forever
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, manifest, world
from tests.unit.application.conversation.lost_servers import (
    CLOCK,
    SEND,
    asked,
    check_money,
    hangs,
    taken,
    told,
    trace,
)


@pytest.fixture
async def shared() -> World:
    return await world(manifest(intelligence=5))


async def test_a_call_that_had_taken_effect_is_not_made_again(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(SEND), hangs(), said("It was sent."))
    turn_id = await lost.say("Send it")
    await asked(shared, 2)

    turn = await taken(other, turn_id)

    assert turn.answer == "It was sent."
    assert shared.tools.runs == [("send", SEND.arguments)]
    assert shared.model.requests[-1].messages == shared.model.requests[-2].messages
    assert shared.model.requests[-1].messages[-1] == Message(Role.TOOL, "sent", call_id="a")
    assert turn.usage.tool_calls == 1
    check_money(shared, turn)
    attempts = (await trace(other, turn_id)).attempts
    assert [(one.round, one.outcome) for one in attempts] == [
        (0, "ok"), (1, INTERRUPTED), (1, "ok")
    ]  # fmt: skip


async def test_watchers_are_told_again_of_what_is_committed_and_was_void(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say([ModelText("I send it."), *called(SEND)], hangs(), said("It was sent."))
    turn_id = await lost.say("Send it")
    await asked(shared, 2)

    await taken(other, turn_id)

    events = await other.shown(turn_id)
    (call,) = await shared.reader.invocations(TENANT, turn_id)
    assert [type(one.body).__name__ for one in events] == [
        "Restarted", "Accepted", "Started", "TextAdded", "ToolCalled", "ToolAnswered",
        "Started", "TextAdded", "Completed",
    ]  # fmt: skip
    assert events[3].body == TextAdded("I send it.")
    assert events[4].body == ToolCalled(call.id, "send", SEND.arguments)
    assert events[5].body == ToolAnswered(call.id, AnswerStatus.SUCCEEDED, "sent")


async def test_watchers_are_not_told_twice_of_what_was_written(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say([ModelText("I send it."), *called(SEND)], hangs(), said("It was sent."))
    turn_id = await lost.say("Send it")
    await asked(shared, 2)
    await told(lost, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert turn.answer == "It was sent."
    assert [type(one.body).__name__ for one in await other.shown(turn_id)] == [
        "Accepted", "Started", "TextAdded", "ToolCalled", "ToolAnswered", "Started", "Restarted",
        "Started", "TextAdded", "Completed",
    ]  # fmt: skip


async def test_a_call_that_was_running_is_unknown_and_the_model_is_told_so(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("send", waits_forever, effect=True)
    shared.model.will_say(called(SEND), said("Nobody knows."))
    turn_id = await lost.say("Send it")
    await until(lambda: len(shared.tools.runs) == 1)

    turn = await taken(other, turn_id)

    assert turn.answer == "Nobody knows."
    assert len(shared.tools.runs) == 1
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (kept.state, kept.reason) == (InvocationState.UNKNOWN, "TOOL_OUTCOME_UNKNOWN")
    assert "may have taken effect" in shared.model.requests[-1].messages[-1].text
    answered = [
        one.body for one in await other.shown(turn_id) if isinstance(one.body, ToolAnswered)
    ]
    assert [one.status for one in answered] == [AnswerStatus.UNKNOWN]
    assert turn.usage.tool_calls == 1
    check_money(shared, turn)


async def test_an_idempotent_call_that_was_running_is_made_again_under_its_key(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("send", waits_forever, effect=True, idempotent=True)
    shared.model.will_say(called(SEND), said("It was sent."))
    turn_id = await lost.say("Send it")
    await until(lambda: len(shared.tools.runs) == 1)
    shared.tools.have("send", answers("sent"), effect=True, idempotent=True)

    turn = await taken(other, turn_id)

    assert turn.answer == "It was sent."
    first, second = shared.tools.keys
    assert first == second
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (kept.state, kept.result) == (InvocationState.SUCCEEDED, "sent")
    assert turn.usage.tool_calls == 1
    check_money(shared, turn)


async def test_a_call_without_effects_is_made_again_when_nobody_read_its_answer(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(CLOCK), hangs(), said("It is one."))
    turn_id = await lost.say("What time is it?")
    await asked(shared, 2)
    shared.tools.have("clock", answers("one"))

    turn = await taken(other, turn_id)

    assert turn.answer == "It is one."
    assert shared.model.requests[-1].messages[-1].text == "one"
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (kept.state, kept.result) == (InvocationState.SUCCEEDED, "one")
    assert [one.body for one in await other.shown(turn_id) if isinstance(one.body, ToolCalled)] == [
        ToolCalled(kept.id, "clock", "{}")
    ]
    check_money(shared, turn)


async def test_a_call_without_effects_stands_when_its_answer_was_written(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(CLOCK), hangs(), said("It is noon."))
    turn_id = await lost.say("What time is it?")
    await asked(shared, 2)
    await told(lost, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert turn.answer == "It is noon."
    assert len(shared.tools.runs) == 1
    assert shared.model.requests[-1].messages[-1].text == "noon"
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert kept.state is InvocationState.SUCCEEDED


async def test_rounds_before_the_one_at_hand_stand(
    shared: World, lost: Server, other: Server
) -> None:
    shared.install(manifest(intelligence=5, recall=True))
    await shared.memories.remember(remembered("Grace has no telephone."))
    shared.tools.have("clock", answers("noon"))
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(CLOCK), called(SEND), hangs(), said("Sent at noon."))
    turn_id = await lost.say("Has Grace a telephone?")
    await asked(shared, 3)

    turn = await taken(other, turn_id)

    assert turn.answer == "Sent at noon."
    assert [tool for tool, _ in shared.tools.runs] == ["clock", "send"]
    assert shared.model.requests[-1].messages == shared.model.requests[-2].messages
    assert "no telephone" in shared.model.requests[-1].messages[0].text
    whole = await trace(other, turn_id)
    assert [one.round for one in whole.attempts] == [0, 1, 2, 2]
    assert len(whole.memories) == 1
    assert turn.usage.tool_calls == 2
    outgoing = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    assert [one.tool for one in outgoing if isinstance(one, ToolInvoked)] == ["clock", "send"]
    check_money(shared, turn)


async def test_a_take_over_that_is_lost_itself_is_taken_over(
    shared: World, lost: Server, other: Server
) -> None:
    third = Server(world=shared, name="third")
    shared.tools.have("send", waits_forever, effect=True)
    shared.model.will_say(called(SEND), hangs(), said("Nobody knows."))
    turn_id = await lost.say("Send it")
    await until(lambda: len(shared.tools.runs) == 1)
    shared.clock.advance(LEASE + 1)
    assert await other.sweep() == 1
    await asked(shared, 2)

    turn = await taken(third, turn_id)

    assert turn.answer == "Nobody knows."
    assert len(shared.tools.runs) == 1
    assert turn.usage.tool_calls == 1
    check_money(shared, turn)
