"""What a turn holds and uses stays within its capsule's and its tenant's limits."""

from asyncio import Event
from dataclasses import replace

import pytest

from adapters.inmemory.language_model import called, said
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.kernel.metering import Metric
from tests.builders import remembered
from tests.doubles import answers
from tests.inmemory_application import Server
from tests.inmemory_world import World, capability, manifest, world

WINDOW = 128_000
TOKEN_LIMIT = 10_000
"""Of a capsule with 0.20 USD a turn."""


@pytest.fixture
async def shared() -> World:
    shared = await world()
    shared.capabilities = (replace(capability(), context_window=WINDOW),)
    return shared


async def test_a_long_result_of_a_tool_is_cut_so_that_an_answer_still_fits(
    shared: World,
) -> None:
    server = Server(world=shared)
    shared.tools.have("read", answers("x" * 100_000))
    shared.model.will_say(called(ToolCall("call_1", "read", "{}")), said("It is long."))

    turn = await server.answered()

    assert turn.answer == "It is long."
    result = shared.model.requests[1].messages[-1].text
    assert result.endswith("[cut]")
    assert len(result) > 500


@pytest.mark.parametrize("intelligence", [3, 5, 8])
async def test_a_turn_never_holds_more_than_its_token_limit(
    shared: World, intelligence: int
) -> None:
    shared.install(manifest(intelligence=intelligence))
    await shared.limit(Metric.TOKENS, TOKEN_LIMIT)
    server = Server(world=shared)
    shared.tools.have("read", answers("x" * 100_000))
    shared.model.will_say(
        *([called(ToolCall("call", "read", "{}"))] * intelligence), said("It is long.")
    )

    turn = await server.answered()

    assert turn.state is TurnState.COMPLETED
    assert turn.usage.tokens <= TOKEN_LIMIT
    assert shared.held(Metric.TOKENS) == 0


async def test_a_reply_is_as_long_as_the_request_asks_at_most(shared: World) -> None:
    server = Server(world=shared)

    await server.settled(await server.say(max_tokens=7))

    assert shared.model.requests[0].max_tokens == 7


async def test_what_a_turn_holds_is_counted_not_the_window(shared: World) -> None:
    await shared.limit(Metric.TOKENS, 2_000)
    server = Server(world=shared)

    turn = await server.answered()

    assert turn.state is TurnState.COMPLETED


async def test_a_round_that_the_tenant_cannot_pay_for_ends_with_what_was_said(
    shared: World,
) -> None:
    server = Server(world=shared)
    shared.tools.have("read", answers("text"))
    await shared.limit(Metric.TOOL_CALLS, 0)
    shared.model.will_say(called(ToolCall("call_1", "read", "{}")))

    turn = await server.answered()

    assert shared.tools.runs == []
    assert turn.failure is not None
    assert turn.failure.reason == "BUDGET_EXHAUSTED"
    assert shared.held(Metric.TOKENS) == 0


async def test_memory_has_its_place_even_where_the_window_is_larger_than_the_budget(
    shared: World,
) -> None:
    shared.install(manifest(recall=True))
    await shared.memories.remember(remembered("Ada likes tea."))
    server = Server(world=shared)
    shared.model.will_say(said("Tea."))

    turn = await server.answered("What does Ada like?")

    assert turn.answer == "Tea."
    assert "Ada likes tea." in shared.model.requests[0].messages[0].text


async def test_history_is_cut_to_what_the_token_limit_leaves(shared: World) -> None:
    server = Server(world=shared)
    shared.model.will_say(said("x" * 4_000))
    for place in range(4):
        await server.answered(f"{place} " * 1_000, request_id=f"{place}")

    turn = await server.answered("And now?", request_id="last")

    assert turn.state is TurnState.COMPLETED
    heard = shared.model.requests[-1].messages
    assert heard[-1].text == "And now?"
    assert 2 < len(heard) < 9


async def test_a_turn_that_waited_knows_what_was_said_before_it(shared: World) -> None:
    server = Server(world=shared)
    go = Event()
    shared.model.will_say([go, *said("My name is Tiny.")], said("Tiny."))
    first = await server.say("Who are you?")
    second = await server.say("Say it again", request_id="second")
    go.set()
    await server.settled(first)
    await server.start_promoted()

    turn = await server.settled(second)

    assert turn.answer == "Tiny."
    assert [message.text for message in shared.model.requests[-1].messages] == [
        "Be brief.", "Who are you?", "My name is Tiny.", "Say it again",
    ]  # fmt: skip
    assert shared.model.requests[-1].max_tokens >= 256
