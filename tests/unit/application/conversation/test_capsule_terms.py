"""What a capsule says of tools that fail and of answers that are not sure ends or marks a turn."""

from dataclasses import replace

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.ports.models import ModelEnd, ModelText
from application.conversation.trace_reading import trace_of
from application.kernel.ports import Json
from domain.conversation.message import ToolCall
from domain.conversation.phase import Phase, PhaseStatus
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Completed, Degraded, Failed
from domain.kernel.errors import DomainError
from domain.kernel.metering import Metric
from domain.tools.errors import ToolFailedError, ToolOutcomeUnknownError
from tests.builders import TENANT
from tests.doubles import answers, fails
from tests.inmemory_application import Server
from tests.inmemory_world import World, capability, manifest, world


async def a_world(**terms: Json) -> World:
    shared = await world({**manifest(), **terms})
    shared.capabilities = (replace(capability(), supports_logprobs=True),)
    return shared


def sure(confidence: float | None) -> tuple[ModelText, ModelEnd]:
    end = ModelEnd(finish_reason="stop", prompt_tokens=12, completion_tokens=1)
    return ModelText("Perhaps."), replace(end, confidence=confidence)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ToolFailedError("clock", "it stands"), "TOOL_FAILED"),
        (ToolOutcomeUnknownError("clock"), "TOOL_OUTCOME_UNKNOWN"),
    ],
)
async def test_a_capsule_that_stops_at_a_tools_failure_ends_the_turn_there(
    failure: DomainError, reason: str
) -> None:
    shared = await a_world(policy={"on_tool_failure": "stop"})
    server = Server(world=shared)
    shared.tools.have("clock", fails(failure))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")), said("I cannot tell."))

    turn_id = await server.say()
    events = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert isinstance(last := events[-1].body, Failed)
    assert last.failure.reason == reason
    assert turn.state is TurnState.FAILED
    assert len(shared.model.requests) == 1
    assert [shared.held(metric) for metric in Metric] == [0] * len(Metric)


async def test_such_a_capsule_goes_on_where_its_tools_succeed() -> None:
    shared = await a_world(policy={"on_tool_failure": "stop"})
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")), said("Noon."))

    assert (await Server(world=shared).answered()).answer == "Noon."


async def test_an_answer_under_the_threshold_of_confidence_is_flagged() -> None:
    shared = await a_world(confidence={"threshold": 0.6})
    server = Server(world=shared)
    shared.model.will_say(sure(0.41))

    turn_id = await server.say()
    bodies = [event.body for event in await server.shown(turn_id)]
    await server.settled(turn_id)
    kept = shared.canonical.decode(await shared.reader.trace(TENANT, turn_id))
    trace = trace_of(turn_id, kept)

    assert Degraded("confidence", "LOW_CONFIDENCE") in bodies
    assert isinstance(bodies[-1], Completed)
    (model,) = [one for one in trace.phases if one.phase is Phase.MODEL]
    assert (model.status, "0.41" in model.note) == (PhaseStatus.DEGRADED, True)


async def test_a_capsule_may_refuse_such_an_answer() -> None:
    shared = await a_world(confidence={"threshold": 0.6, "below": "refuse"})
    server = Server(world=shared)
    shared.model.will_say(sure(0.41))

    turn_id = await server.say()
    last = (await server.shown(turn_id))[-1].body
    await server.settled(turn_id)

    assert isinstance(last, Failed)
    assert (last.failure.reason, last.partial_text) == ("LOW_CONFIDENCE", "Perhaps.")
    assert last.failure.facts == {"confidence": "0.4100", "threshold": "0.6000"}


@pytest.mark.parametrize("confidence", [None, 0.6, 1.0])
async def test_an_answer_whose_confidence_is_unknown_or_enough_is_just_given(
    confidence: float | None,
) -> None:
    shared = await a_world(confidence={"threshold": 0.6, "below": "refuse"})
    shared.model.will_say(sure(confidence))

    assert (await Server(world=shared).answered()).answer == "Perhaps."
