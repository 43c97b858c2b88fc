"""What a tenant's features let a turn do: tools, memory, learning."""

from collections.abc import Mapping

import pytest

from adapters.inmemory.language_model import said
from application.conversation.trace_reading import trace_of
from application.memory.remember import Remember, RememberCommand
from domain.conversation.lane import Lane
from domain.conversation.phase import Phase, PhaseStatus
from domain.conversation.trace import DecisionTrace
from domain.kernel.identifiers import TurnId
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode
from domain.memory.recollection import MemoryScope
from domain.tenancy.errors import FeatureDisabledError
from domain.tenancy.feature import Feature
from tests.builders import TENANT, principal
from tests.doubles import answers
from tests.inmemory_application import Server
from tests.inmemory_world import World, manifest, world


@pytest.fixture
async def shared() -> World:
    made = await world({**manifest(), "memory": {"recall": True}})
    made.tools.have("clock", answers("noon"))
    made.model.will_say(said("Good day."))
    return made


async def trace(shared: World, turn_id: TurnId) -> DecisionTrace:
    stored = await shared.reader.trace(TENANT, turn_id)
    return trace_of(turn_id, shared.canonical.decode(stored))


def notes(found: DecisionTrace) -> Mapping[Phase, tuple[PhaseStatus, str]]:
    return {one.phase: (one.status, one.note) for one in found.phases}


async def test_a_tenant_without_tools_is_offered_none(shared: World, server: Server) -> None:
    shared.switch(Feature.TOOLS, on=False)

    await server.answered()

    (request,) = shared.model.requests
    assert request.tools == ()


async def test_a_tenant_with_tools_is_offered_them(shared: World, server: Server) -> None:
    await server.answered()

    (request,) = shared.model.requests
    assert [one.name for one in request.tools] == ["clock"]


@pytest.mark.parametrize(
    "choice",
    [ToolChoice(ToolChoiceMode.REQUIRED), ToolChoice(ToolChoiceMode.NAMED, "clock")],
)
async def test_a_message_that_wants_a_tool_is_refused_where_there_are_none(
    shared: World, server: Server, choice: ToolChoice
) -> None:
    shared.switch(Feature.TOOLS, on=False)

    with pytest.raises(FeatureDisabledError) as refusal:
        await server.say(tool_choice=choice)

    assert refusal.value.facts == {"feature": "tools", "why": "SWITCHED_OFF", "lacking": ""}
    assert shared.store.turns == {}


async def test_without_memory_nothing_is_recalled_and_the_lane_says_so(
    shared: World, server: Server
) -> None:
    await remembered(shared, "The green house belongs to Ada.")
    shared.switch(Feature.MEMORY, on=False)

    turn = await server.answered("Whose is the green house?")

    found = await trace(shared, turn.id)
    (lane,) = [one for one in found.lanes if one.lane == Lane.MEMORY]
    assert (lane.budget, lane.used, lane.items) == (0, 0, 0)
    assert notes(found)[Phase.MEMORY] == (
        PhaseStatus.SKIPPED,
        "the feature memory is off: SWITCHED_OFF",
    )
    assert found.memories == ()


async def test_with_memory_what_is_remembered_is_used(shared: World, server: Server) -> None:
    await remembered(shared, "The green house belongs to Ada.")

    turn = await server.answered("Whose is the green house?")

    assert len((await trace(shared, turn.id)).memories) == 1


@pytest.mark.parametrize(
    ("switched", "note"),
    [
        ({}, "the feature learning is off: OFF_BY_DEFAULT"),
        (
            {Feature.LEARNING: True, Feature.MEMORY: False},
            "the feature learning is off: DEPENDENCY_OFF",
        ),
        ({Feature.LEARNING: True}, "this release learns nothing from turns"),
    ],
)
async def test_learning_is_recorded_as_skipped_and_why(
    shared: World, server: Server, switched: Mapping[Feature, bool], note: str
) -> None:
    for feature, on in switched.items():
        shared.switch(feature, on=on)

    turn = await server.answered()

    assert notes(await trace(shared, turn.id))[Phase.LEARN] == (PhaseStatus.SKIPPED, note)


async def remembered(shared: World, text: str) -> None:
    remember = Remember(
        memories=shared.memories,
        json=shared.canonical,
        clock=shared.clock,
        identifiers=shared.identifiers,
    )
    await remember(
        RememberCommand(scope=MemoryScope(TENANT, principal().subject), request_id="1", text=text)
    )
