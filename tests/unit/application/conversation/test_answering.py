"""Whole turns, from the message to the end, with and without tools."""

from hashlib import sha256

from adapters.inmemory.language_model import called, said
from application.conversation.ports.models import ModelText
from domain.conversation.errors import (
    ModelFailedError,
    ModelTruncatedError,
)
from domain.conversation.message import Role, ToolCall
from domain.conversation.phase import Phase
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import (
    AnswerStatus,
    Completed,
    Failed,
    Started,
    ToolAnswered,
)
from domain.kernel.metering import Metric
from domain.tools.errors import ToolFailedError
from tests.builders import TENANT
from tests.doubles import answers, fails
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World, capability


def told(event: object) -> str:
    return type(event).__name__


async def test_a_message_is_answered(shared: World, server: Server) -> None:
    shared.model.will_say(said("Good ", "day."))

    turn_id = await server.say("Hello")
    events = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert [told(event.body) for event in events] == [
        "Accepted", "Started", "TextAdded", "TextAdded", "Completed",
    ]  # fmt: skip
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert isinstance(last := events[-1].body, Completed)
    assert (last.text, last.finish_reason) == ("Good day.", "stop")
    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "Good day.")
    assert last.record_id == turn.record_id


async def test_what_was_used_is_settled_and_nothing_stays_held(
    shared: World, server: Server
) -> None:
    shared.model.will_say(said("Good ", "day.", prompt_tokens=40))

    turn = await server.answered()

    assert (turn.usage.prompt_tokens, turn.usage.completion_tokens) == (40, 2)
    assert [shared.held(metric) for metric in Metric] == [0] * len(Metric)
    assert shared.spent(Metric.TOKENS) == 42
    assert shared.spent(Metric.API_CALLS) == 1


async def test_the_model_hears_instructions_history_and_the_message(
    shared: World, server: Server
) -> None:
    shared.model.will_say(said("Hi."))
    await server.answered("Hello")
    await server.answered("And again", request_id=REQUEST[:-1] + "2")

    heard = [(message.role, message.text) for message in shared.model.requests[-1].messages]

    assert heard == [
        (Role.SYSTEM, "Be brief."),
        (Role.USER, "Hello"),
        (Role.ASSISTANT, "Hi."),
        (Role.USER, "And again"),
    ]


async def test_a_late_watcher_sees_the_same_events(shared: World, server: Server) -> None:
    shared.model.will_say(said("Good ", "day."))
    turn_id = await server.say()
    early = await server.shown(turn_id)
    await server.settled(turn_id)

    assert await server.shown(turn_id) == early
    assert await server.shown(turn_id, after=3) == early[3:]
    assert await server.shown(turn_id, after=5) == []


async def test_a_tool_is_called_and_its_result_goes_back(shared: World, server: Server) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")), said("It is noon."))

    turn_id = await server.say("What time is it?")
    events = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert turn.answer == "It is noon."
    assert turn.usage.tool_calls == 1
    assert shared.tools.runs == [("clock", "{}")]
    answer = next(event.body for event in events if isinstance(event.body, ToolAnswered))
    assert (answer.status, answer.content) == (AnswerStatus.SUCCEEDED, "noon")
    second = shared.model.requests[1]
    assert [message.role for message in second.messages[-2:]] == [Role.ASSISTANT, Role.TOOL]
    assert (second.messages[-1].text, second.messages[-1].call_id) == ("noon", "call_1")
    assert [shared.held(metric) for metric in Metric] == [0] * len(Metric)
    assert shared.spent(Metric.TOOL_CALLS) == 1
    kept = await shared.reader.invocations(TENANT, turn_id)
    assert [(one.tool, one.result) for one in kept] == [("clock", "noon")]


async def test_a_tool_that_fails_is_an_observation(shared: World, server: Server) -> None:
    shared.tools.have("clock", fails(ToolFailedError("clock", "it stands")))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")), said("I cannot tell."))

    turn = await server.answered()

    assert turn.answer == "I cannot tell."
    assert "it stands" in shared.model.requests[1].messages[-1].text


async def test_a_tool_that_does_not_exist_is_an_observation(shared: World, server: Server) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call_1", "sundial", "{}")), said("Sorry."))

    turn_id = await server.say()
    events = await server.shown(turn_id)

    answer = next(event.body for event in events if isinstance(event.body, ToolAnswered))
    assert (answer.status, answer.reason) == (AnswerStatus.FAILED, "TOOL_NOT_FOUND")
    assert shared.tools.runs == []


async def test_arguments_that_do_not_fit_are_told_so_that_they_can_be_repaired(
    shared: World, server: Server
) -> None:
    shared.tools.have("clock", answers("noon"), schema='{"type":"object","required":["zone"]}')
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")), said("Sorry."))

    turn = await server.answered()

    assert turn.state is TurnState.COMPLETED
    assert "zone" in shared.model.requests[1].messages[-1].text
    assert shared.tools.runs == []


async def test_a_last_answering_call_follows_the_last_round(shared: World, server: Server) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call", "clock", "{}")))

    turn_id = await server.say()
    events = await server.shown(turn_id)

    assert isinstance(last := events[-1].body, Completed)
    assert last.finish_reason == "tool_calls"
    assert len(shared.model.requests) == 2
    assert len(shared.tools.runs) == 1


async def test_the_digest_of_a_call_is_of_its_arguments_in_canonical_form(
    shared: World, server: Server
) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("a", "clock", '{"b": 1, "a": 2}')), said("Noon."))

    turn = await server.answered()

    (kept,) = await shared.reader.invocations(TENANT, turn.id)
    assert kept.digest == sha256(b'{"a":2,"b":1}').digest()


async def test_several_tools_of_a_round_are_all_answered_in_order(
    shared: World, server: Server
) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.tools.have("dice", answers("six"))
    calls = (ToolCall("a", "clock", "{}"), ToolCall("b", "dice", "{}"))
    shared.model.will_say(called(*calls), said("Noon, six."))

    turn = await server.answered()

    assert turn.usage.tool_calls == 2
    assert [one.call_id for one in shared.model.requests[1].messages[-2:]] == ["a", "b"]


async def test_a_failed_candidate_is_followed_by_the_next(shared: World) -> None:
    shared.capabilities = (capability("tiny", priority=1), capability("spare", provider="other"))
    server = Server(world=shared)
    shared.model.will_say([ModelFailedError("tiny", "503")], said("From the spare."))

    turn_id = await server.say()
    events = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert turn.answer == "From the spare."
    started = [event.body for event in events if isinstance(event.body, Started)]
    assert [(one.capability, one.attempt) for one in started] == [("tiny", 0), ("spare", 1)]


async def test_a_stream_that_breaks_off_fails_with_what_there_was(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("Half an ans")])

    turn_id = await server.say()
    events = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert isinstance(last := events[-1].body, Failed)
    assert (last.failure.reason, last.partial_text) == ("MODEL_TRUNCATED", "Half an ans")
    assert last.failure.kind == "UnavailableError"
    assert turn.answer == ""
    assert turn.usage.estimated
    assert turn.usage.completion_tokens == len("Half an ans")
    assert shared.held(Metric.TOKENS) == 0


async def test_nothing_that_was_shown_is_taken_back_by_a_fallback(shared: World) -> None:
    shared.capabilities = (capability("tiny", priority=1), capability("spare", provider="other"))
    server = Server(world=shared)
    shared.model.will_say([ModelText("Half"), ModelTruncatedError("tiny")], said("Whole."))

    turn = await server.answered()

    assert turn.state is TurnState.FAILED
    assert len(shared.model.requests) == 1


async def test_when_every_candidate_fails_the_last_failure_is_told(shared: World) -> None:
    shared.capabilities = (capability("tiny", priority=1), capability("spare", provider="other"))
    server = Server(world=shared)
    shared.model.will_say([ModelFailedError("tiny", "503")], [ModelFailedError("spare", "500")])

    turn = await server.answered()

    assert turn.failure is not None
    assert (turn.failure.reason, turn.failure.facts["capability"]) == ("MODEL_FAILED", "spare")
    assert shared.spent(Metric.TOKENS) == 0


async def test_the_session_goes_on_after_a_failure(shared: World, server: Server) -> None:
    shared.model.will_say([ModelText("Half")], said("Whole."))
    await server.answered("One")

    turn = await server.answered("Two", request_id=REQUEST[:-1] + "2")

    assert turn.state is TurnState.COMPLETED
    texts = [message.text for message in shared.model.requests[-1].messages]
    assert texts == ["Be brief.", "One", "Two"]


async def test_a_defect_ends_the_turn_and_is_told_to_operators_alone(
    shared: World, server: Server
) -> None:
    shared.tools.have("clock", fails(ZeroDivisionError("secret")))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")))

    turn = await server.answered()

    assert turn.failure is not None
    assert turn.failure.reason == "INTERNAL"
    assert "secret" not in turn.failure.message
    assert [type(error) for error in server.observer.defects] == [ZeroDivisionError]
    assert shared.held(Metric.TOKENS) == 0


async def test_the_phases_of_a_turn_are_observed(server: Server) -> None:
    await server.answered()

    (summary,) = server.observer.ended
    assert summary.state is TurnState.COMPLETED
    assert {one.phase for one in summary.times} >= {
        Phase.AUTHENTICATE, Phase.BUDGET, Phase.CAPSULE, Phase.DERIVE, Phase.CONTEXT, Phase.MEMORY,
        Phase.MODEL, Phase.REASON, Phase.SAVE,
    }  # fmt: skip
