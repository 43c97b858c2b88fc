"""The approved call of a turn is looked at again when its turn goes on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.conversation.turn import TurnState
from domain.tenancy.feature import Feature
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.inmemory_application import Server
from tests.inmemory_world import World, manifest
from tests.unit.application.conversation.paused_turns import asking_world

Change = Callable[[World], None]


@pytest.fixture
async def shared() -> World:
    return await asking_world("It was not sent.")


def switch_off(shared: World) -> None:
    shared.switch(Feature.TOOLS, on=False)


def forbid_the_tool(shared: World) -> None:
    shared.install(manifest(autonomy=2, tools={"allow": ["clock"]}))


def move_the_tool(shared: World) -> None:
    tool, run = shared.tools.known["send"]
    shared.tools.known["send"] = replace(tool, host="mail.example"), run


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (switch_off, "TOOL_NOT_FOUND"),
        (forbid_the_tool, "TOOL_NOT_FOUND"),
        (move_the_tool, "TOOL_EGRESS_DENIED"),
    ],
)
async def test_a_call_that_may_not_start_any_more_fails_and_its_turn_is_told(
    shared: World, change: Change, reason: str
) -> None:
    server = Server(world=shared)
    turn_id = await server.say("Send it")
    await server.settled(turn_id)
    (waiting,) = await shared.reader.invocations(TENANT, turn_id)
    change(shared)

    await server.decided(waiting.id, approved=True)
    turn = await server.settled(turn_id)

    (call,) = await shared.reader.invocations(TENANT, turn_id)
    assert (call.state, call.reason) == (InvocationState.FAILED, reason)
    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "It was not sent.")
    assert shared.model.requests[-1].messages[-1].text.startswith(reason)
    assert shared.tools.runs == []
