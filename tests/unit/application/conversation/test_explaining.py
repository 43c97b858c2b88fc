"""What is kept of a turn says why it did what it did; what is said of it is kept too."""

from asyncio import Event
from typing import Final

import pytest

from adapters.inmemory.booking import Settlement
from adapters.inmemory.language_model import called, said
from application.conversation.read_conversation import (
    ExplainedTurn,
    ReadDecisionTrace,
    ReadTurn,
    ReadTurnQuery,
)
from application.conversation.submit_feedback import SubmitFeedback, SubmitFeedbackCommand
from application.conversation.trace_reading import trace_of
from application.kernel.ports import Json
from domain.budget.account import Hold, Use
from domain.conversation.errors import ModelFailedError, TurnNotFoundError
from domain.conversation.feedback import Feedback, Rating
from domain.conversation.message import ToolCall
from domain.conversation.phase import Phase, PhaseStatus
from domain.conversation.trace import DecisionTrace
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import AccountId, RequestId, SessionId, TurnId
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState
from tests.builders import INVOCATION, SESSION, TENANT, TURN, principal
from tests.doubles import answers
from tests.inmemory_application import Server
from tests.inmemory_world import World, capability, manifest

OTHER_SESSION = SessionId(INVOCATION)


STRANGE_TRACES: Final[tuple[Json, ...]] = (
    {}, {"phases": 3, "selection": [], "lanes": [[]]}, [], None,
)  # fmt: skip


async def explained(
    shared: World, turn_id: TurnId, session_id: SessionId = SESSION
) -> ExplainedTurn:
    read = ReadDecisionTrace(
        read_turn=ReadTurn(reader=shared.reader), reader=shared.reader, json=shared.canonical
    )
    return await read(ReadTurnQuery(tenant_id=TENANT, session_id=session_id, turn_id=turn_id))


async def submitted(
    shared: World,
    turn_id: TurnId,
    rating: Rating = Rating.GOOD,
    *,
    request_id: str = "1",
    session_id: SessionId = SESSION,
) -> Feedback:
    submit = SubmitFeedback(
        reader=shared.reader,
        feedback=shared.feedback,
        canonical=shared.canonical,
        clock=shared.clock,
    )
    return await submit(
        SubmitFeedbackCommand(
            principal=principal(),
            tenant_id=TENANT,
            session_id=session_id,
            turn_id=turn_id,
            rating=rating,
            comment="so so",
            request_id=RequestId(request_id),
        )
    )


async def test_the_trace_tells_what_the_turn_did(shared: World) -> None:
    shared.capabilities = (capability("tiny", priority=1), capability("spare", provider="other"))
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(
        [ModelFailedError("tiny", "503")], called(ToolCall("call_1", "clock", "{}")), said("Noon.")
    )
    turn = await Server(world=shared).answered()

    told = await explained(shared, turn.id)
    trace = told.trace

    assert told.turn == turn
    assert trace.selection is not None
    assert (trace.selection.chosen, trace.selection.fallbacks) == ("tiny", ("spare",))
    assert [(one.capability, one.provider, one.round, one.outcome) for one in trace.attempts] == [
        ("tiny", "local", 0, "MODEL_FAILED"),
        ("spare", "other", 0, "ok"),
        ("tiny", "local", 1, "ok"),
    ]
    phases = [one.phase for one in trace.phases]
    assert set(phases) == set(Phase)
    assert phases.count(Phase.MODEL) == 2
    assert any(one.status is PhaseStatus.DEGRADED for one in trace.phases)
    assert trace.settings["max_tokens"] == 512
    assert trace.settings["thinking_budget"] == 1024
    assert [one.lane for one in trace.lanes[:3]] == ["system", "history", "tools"]
    assert trace.estimated
    assert trace.held_tokens > 0
    assert ("tool:use", "tools/clock", True, "role:member") in trace.decisions
    assert [(one.tool, one.state) for one in told.invocations] == [
        ("clock", InvocationState.SUCCEEDED)
    ]


async def test_of_an_open_turn_the_trace_shows_its_tools(shared: World) -> None:
    shared.install(manifest(autonomy=2))
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")))
    server = Server(world=shared)
    turn_id = await server.say()
    await server.settled(turn_id)

    told = await explained(shared, turn_id)

    assert told.trace == DecisionTrace(turn_id=turn_id)
    assert [one.state for one in told.invocations] == [InvocationState.PENDING_APPROVAL]


async def test_a_turn_without_a_plan_has_a_trace_too(shared: World) -> None:
    go = Event()
    shared.model.will_say([go, *said("One.")])
    server = Server(world=shared)
    first = await server.say("1")
    second = await server.say("2", request_id="2")
    await server.cancel(second)
    go.set()
    await server.settled(first)

    told = await explained(shared, second)

    assert told.trace.selection is None
    assert told.trace.settings == {}
    assert told.trace.attempts == ()


async def test_a_turn_is_not_found_under_another_session_s_name(shared: World) -> None:
    turn = await Server(world=shared).answered()

    with pytest.raises(TurnNotFoundError):
        await explained(shared, turn.id, OTHER_SESSION)


@pytest.mark.parametrize("kept", STRANGE_TRACES)
def test_a_trace_of_another_form_is_read_as_far_as_it_goes(kept: Json) -> None:
    assert trace_of(TURN, kept).turn_id == TURN


async def test_feedback_is_kept_with_its_turn(shared: World) -> None:
    turn = await Server(world=shared).answered()

    said_of_it = await submitted(shared, turn.id, Rating.BAD)

    assert shared.feedback.said[TENANT, turn.id, "ada"] == said_of_it
    assert (said_of_it.rating, said_of_it.comment) == (Rating.BAD, "so so")


async def test_the_last_word_of_a_subject_counts(shared: World) -> None:
    turn = await Server(world=shared).answered()
    first = await submitted(shared, turn.id, Rating.BAD, request_id="1")
    shared.clock.advance(1)
    await submitted(shared, turn.id, Rating.GOOD, request_id="2")

    assert shared.feedback.said[TENANT, turn.id, "ada"].rating is Rating.GOOD
    assert await submitted(shared, turn.id, Rating.BAD, request_id="1") == first
    assert shared.feedback.said[TENANT, turn.id, "ada"].rating is Rating.GOOD
    with pytest.raises(IdempotencyKeyReusedError):
        await submitted(shared, turn.id, Rating.GOOD, request_id="1")


async def test_nothing_is_said_of_a_turn_that_is_not_there(shared: World) -> None:
    turn = await Server(world=shared).answered()

    with pytest.raises(TurnNotFoundError):
        await submitted(shared, TURN)
    with pytest.raises(TurnNotFoundError):
        await submitted(shared, turn.id, session_id=OTHER_SESSION)


async def test_what_a_turn_used_beyond_its_limit_is_in_its_trace(shared: World) -> None:
    turn = await Server(world=shared).answered()
    settled = Settlement(
        tenant_id=TENANT,
        reference_id=turn.id,
        step=2,
        round=0,
        period=shared.clock.now().date().replace(day=1),
        holds=(Hold(AccountId(TENANT), Metric.TOKENS, 0),),
    )
    await shared.limit(Metric.TOKENS, 0)
    shared.store.settle(settled, [Use(Metric.TOKENS, 7, 1)])

    assert (await explained(shared, turn.id)).trace.overrun == {Metric.TOKENS: 7}
