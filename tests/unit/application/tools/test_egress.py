"""A capsule that lets nothing out has no tool that sends its arguments elsewhere."""

import pytest

from adapters.inmemory.language_model import called, said
from application.tools.call_terms import CallTerms
from application.tools.egress import check_egress
from domain.capsule.knob import Egress
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import ToolAnswered
from domain.tools.errors import ToolEgressDeniedError
from domain.tools.tool import Tool
from tests.doubles import ANYTHING, answers
from tests.inmemory_application import Server
from tests.inmemory_world import manifest, world
from tests.unit.application.tools.calls import command, shown

HERE = Tool(name="send", description="Sends.", schema=ANYTHING)
THERE = Tool(name="send", description="Sends.", schema=ANYTHING, host="example.org")


@pytest.mark.parametrize("egress", Egress)
def test_a_tool_of_the_service_itself_needs_no_egress(egress: Egress) -> None:
    check_egress(egress, HERE)


@pytest.mark.parametrize("egress", [one for one in Egress if one is not Egress.NONE])
def test_a_configured_tool_is_on_the_list_of_what_is_allowed(egress: Egress) -> None:
    check_egress(egress, THERE)


def test_without_egress_nothing_goes_out() -> None:
    with pytest.raises(ToolEgressDeniedError):
        check_egress(Egress.NONE, THERE)


async def test_a_call_under_a_capsule_without_egress_leaves_nothing() -> None:
    shared = await world()
    shared.tools.known["send"] = THERE, answers("sent")

    with pytest.raises(ToolEgressDeniedError):
        await shown(Server(world=shared), command(terms=CallTerms(egress=Egress.NONE)))

    assert (shared.tools.runs, shared.store.invocations) == ([], {})


async def test_a_turn_under_a_capsule_without_egress_tells_its_model_so() -> None:
    shared = await world(manifest(autonomy=1))
    shared.tools.known["send"] = THERE, answers("sent")
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")), said("It cannot be sent."))
    server = Server(world=shared)

    turn_id = await server.say()
    events = await server.shown(turn_id)

    (answered,) = [one.body for one in events if isinstance(one.body, ToolAnswered)]
    assert answered.reason == "TOOL_EGRESS_DENIED"
    assert (await server.settled(turn_id)).state is TurnState.COMPLETED
    assert shared.tools.runs == []
