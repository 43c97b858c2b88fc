"""An answer whose provider breaks off is continued where its capsule says so."""

from asyncio import Event

import pytest

from adapters.inmemory.language_model import Line, called, said
from application.conversation.phases.model_call import GO_ON
from application.conversation.phases.reason import BUDGET_ENDED
from application.conversation.ports.models import ModelEnd, ModelText
from domain.conversation.errors import ModelFailedError
from domain.conversation.message import Message, Role
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Completed, Failed, Started, TextAdded
from domain.kernel.metering import Metric
from tests.builders import TENANT
from tests.doubles import WordCounter, answers
from tests.inmemory_application import Server
from tests.inmemory_world import World, capability, manifest, world
from tests.unit.application.conversation.lost_servers import (
    CLOCK,
    CONTINUES,
    asked,
    check_money,
    numbers,
    taken,
    told,
)

BROKEN = ModelFailedError("tiny", "it broke off")


@pytest.fixture
async def shared() -> World:
    shared = await world(manifest(policy=CONTINUES))
    shared.capabilities = (capability(priority=1), capability("spare"))
    return shared


async def test_the_same_model_is_asked_to_go_on_where_it_stopped(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("Half an ans"), BROKEN], said("wer", "."))

    turn = await server.answered()

    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "Half an answer.")
    first, second = shared.model.requests
    assert second.capability == first.capability
    assert second.messages == (
        *first.messages, Message(Role.ASSISTANT, "Half an ans"), Message(Role.USER, GO_ON)
    )  # fmt: skip
    events = await server.shown(turn.id)
    shown = [one.body.delta for one in events if isinstance(one.body, TextAdded)]
    assert shown == ["Half an ans", "wer", "."]
    check_money(shared, turn)


async def test_when_it_breaks_off_again_another_one_goes_on(shared: World, server: Server) -> None:
    shared.model.will_say([ModelText("One "), BROKEN], [ModelText("two "), BROKEN], said("three."))

    turn = await server.answered()

    assert turn.answer == "One two three."
    assert [one.capability.name for one in shared.model.requests] == ["tiny", "tiny", "spare"]
    assert shared.model.requests[-1].messages[-2] == Message(Role.ASSISTANT, "One two ")
    began = [one.body for one in await server.shown(turn.id) if isinstance(one.body, Started)]
    assert [one.attempt for one in began] == [0, 1, 2]
    check_money(shared, turn)


async def test_when_nobody_goes_on_it_fails_with_what_there_was(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("One "), BROKEN], [BROKEN])

    turn = await server.answered()

    assert turn.failure is not None
    assert turn.failure.reason == "MODEL_FAILED"
    end = (await server.shown(turn.id))[-1].body
    assert isinstance(end, Failed)
    assert end.partial_text == "One "
    check_money(shared, turn)


async def test_when_the_budget_does_not_let_it_go_on_it_fails_with_what_there_was(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([ModelText("One "), go, BROKEN], said("two."))
    turn_id = await server.say("Hello")
    await shared.limit(Metric.TOKENS, shared.held(Metric.TOKENS) // 2)

    go.set()
    turn = await server.settled(turn_id)

    assert turn.failure is not None
    assert turn.failure.reason == "BUDGET_EXHAUSTED"
    end = (await server.shown(turn.id))[-1].body
    assert isinstance(end, Failed)
    assert end.partial_text == "One "
    assert shared.held(Metric.TOKENS) == 0


async def test_a_server_that_is_lost_after_that_leaves_what_was_continued(
    shared: World, server: Server
) -> None:
    other = Server(world=shared, name="other")
    shared.install(manifest(intelligence=5, policy=CONTINUES))
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(
        called(CLOCK), [ModelText("It "), BROKEN], [ModelText("is "), Event()], said("noon.")
    )
    turn_id = await server.say("What time is it?")
    await asked(shared, 3)

    turn = await taken(other, turn_id)

    assert turn.answer.endswith("noon.")
    assert turn.answer.startswith("It ")
    assert len(shared.tools.runs) == 1
    assert shared.model.requests[-1].messages[:-2] == shared.model.requests[1].messages
    events = await other.shown(turn_id)
    assert numbers(events) == list(range(1, events[-1].sequence + 1))
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert kept.result == "noon"
    assert turn.usage.tool_calls == 1
    check_money(shared, turn)


async def test_a_part_of_an_answer_that_leaves_no_room_for_the_rest_is_not_the_answer(
    shared: World, server: Server
) -> None:
    other = Server(world=shared, name="other")
    part = "x" * 12_000
    shared.model.will_say([ModelText(part), Event()], said("The rest."))
    turn_id = await server.say()
    await told(server, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert turn.failure is not None
    assert (turn.state, turn.failure.reason) == (TurnState.FAILED, "TURN_ABANDONED")
    assert turn.failure.facts["cause"] == "no_room"
    assert turn.answer == ""
    end = (await other.shown(turn_id))[-1].body
    assert isinstance(end, Failed)
    assert end.partial_text == part
    assert len(shared.model.requests) == 1
    check_money(shared, turn)


@pytest.mark.parametrize("before", [[], [[ModelText("I will "), BROKEN]]])
async def test_where_no_room_is_left_after_tools_the_whole_answer_before_them_stands(
    shared: World, server: Server, before: list[list[Line]]
) -> None:
    shared.tools.have("clock", answers("noon"))
    end = ModelEnd(
        finish_reason="tool_calls", calls=(CLOCK,), prompt_tokens=10_000, completion_tokens=2
    )
    shared.model.will_say(*before, [ModelText("look."), end], said("Noon."))

    turn = await server.answered("What time is it?")

    assert turn.state is TurnState.COMPLETED
    assert turn.answer == ("I will look." if before else "look.")
    last = (await server.shown(turn.id))[-1].body
    assert isinstance(last, Completed)
    assert last.finish_reason == BUDGET_ENDED
    assert len(shared.tools.runs) == 1
    check_money(shared, turn)


async def test_a_part_is_counted_as_the_model_counts_it(shared: World) -> None:
    shared.counter = WordCounter()
    first, other = Server(world=shared), Server(world=shared, name="other")
    part = f"{'x' * 12_000} and"
    shared.model.will_say([ModelText(part), Event()], said(" so on."))
    turn_id = await first.say()
    await told(first, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert (turn.state, turn.answer) == (TurnState.COMPLETED, f"{part} so on.")


async def test_the_rest_of_an_answer_has_the_tokens_that_its_client_left_it(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("x" * 20), BROKEN], said("y" * 10))

    turn = await server.answered(max_tokens=30)

    assert turn.state is TurnState.COMPLETED
    assert [one.max_tokens for one in shared.model.requests] == [30, 10]


async def test_another_server_gives_the_rest_no_more_than_the_client_left_it(
    shared: World, server: Server
) -> None:
    other = Server(world=shared, name="other")
    shared.model.will_say([ModelText("x" * 20), Event()], said("y" * 10))
    turn_id = await server.say(max_tokens=30)
    await told(server, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert turn.state is TurnState.COMPLETED
    assert [one.max_tokens for one in shared.model.requests] == [30, 10]
    check_money(shared, turn)


async def test_an_answer_that_had_all_its_tokens_when_it_broke_off_is_not_continued(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("x" * 30), BROKEN], said("More."))

    turn = await server.answered(max_tokens=30)

    assert turn.failure is not None
    assert turn.failure.reason == "MODEL_FAILED"
    assert len(shared.model.requests) == 1
    check_money(shared, turn)


async def test_where_nothing_was_said_and_no_room_is_left_the_turn_fails(
    shared: World, server: Server
) -> None:
    shared.tools.have("clock", answers("noon"))
    end = ModelEnd(
        finish_reason="tool_calls", calls=(CLOCK,), prompt_tokens=10_000, completion_tokens=2
    )
    shared.model.will_say([end], said("Noon."))

    turn = await server.answered("What time is it?")

    assert turn.failure is not None
    assert (turn.state, turn.failure.reason) == (TurnState.FAILED, "BUDGET_EXHAUSTED")
    assert len(shared.model.requests) == 1
    check_money(shared, turn)
