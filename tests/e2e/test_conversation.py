"""somagent.conversation.v1, from outside, on a real database and a provider that is told."""

from asyncio import Event, create_task, gather, timeout

import grpc
import orjson
import pytest

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent.tools.v1 import tools_pb2
from somagent.tools.v1.tools_pb2_grpc import ToolServiceStub
from tests.e2e.refused import reason_in, reason_of
from tests.e2e.stage import Stage, fresh_id
from tests.e2e.talk import kinds, streaming, talk_at, text_of
from tests.system.client import PATIENCE_SECONDS
from tests.upstream.chunks import answer, call, text
from tests.upstream.scripted import Ending, ScriptedUpstream, streamed


async def test_a_message_is_answered_and_settled(stage: Stage, upstream: ScriptedUpstream) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(*answer("Good ", "day.")))

    events = await talk.said()

    assert kinds(events)[:2] == ["accepted", "started"]
    assert kinds(events)[-1] == "completed"
    assert text_of(events) == events[-1].completed.text == "Good day."
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    usage = events[-1].completed.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (12, 2, False)
    assert await talk.tokens() == (14, 0)
    turn = await talk.turn(events[0].accepted.turn)
    assert (turn.state, turn.answer) == (pb.TURN_STATE_COMPLETED, "Good day.")
    assert turn.record == events[-1].completed.record


async def test_the_same_request_is_one_turn_with_the_same_events(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    request_id = fresh_id()
    first = await talk.said("Hello", request_id)

    assert await talk.said("Hello", request_id) == first
    assert len(upstream.exchanges) == 1
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await talk.said("Good bye", request_id)
    assert reason_in(refusal.value) == "IDEMPOTENCY_KEY_REUSED"


async def test_a_stream_is_picked_up_where_it_was_cut_off(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    go = Event()
    upstream.answers(streamed(text("Good "), go, *answer("day.")))
    async with streaming(talk, talk.message()) as events:
        seen = [await anext(events) for _ in range(3)]
    go.set()

    rest = await talk.watched(seen[0].accepted.turn, after=3)

    assert text_of([*seen, *rest]) == "Good day."
    assert rest[-1].completed.text == "Good day."


async def test_a_tool_with_an_effect_is_run_once(stage: Stage, upstream: ScriptedUpstream) -> None:
    talk = await talk_at(stage)
    upstream.answers(
        streamed(*call("note_write", '{"text":"Buy milk"}')), streamed(*answer("Noted."))
    )

    events = await talk.said("Note: buy milk")

    assert kinds(events) == [
        "accepted", "started", "tool_call", "tool_result", "started", "text", "completed",
    ]  # fmt: skip
    result = events[3].tool_result
    assert result.state == tools_pb2.INVOCATION_STATE_SUCCEEDED
    assert events[-1].completed.usage.tool_calls == 1
    invocation = await ToolServiceStub(stage.channel).GetInvocation(
        tools_pb2.GetInvocationRequest(name=result.invocation), metadata=talk.caller.pairs
    )
    assert invocation.invocation.turn == events[0].accepted.turn
    assert invocation.invocation.state == tools_pb2.INVOCATION_STATE_SUCCEEDED
    assert (await talk.tokens())[1] == 0


async def test_a_turn_waits_for_a_person_and_goes_on(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage, autonomy=2)
    tools = ToolServiceStub(stage.channel)
    upstream.answers(
        streamed(*call("note_write", '{"text":"Buy milk"}')), streamed(*answer("Noted."))
    )

    before = await talk.said("Note: buy milk")
    turn = before[0].accepted.turn
    waiting = await tools.ListPendingApprovals(
        tools_pb2.ListPendingApprovalsRequest(parent=f"tenants/{talk.tenant}"),
        metadata=talk.caller.pairs,
    )
    assert kinds(before)[-2:] == ["approval_requested", "paused"]
    assert [one.name for one in waiting.invocations] == list(before[-1].paused.invocations)
    assert (await talk.tokens())[1] == 0

    approved = await tools.ApproveInvocation(
        tools_pb2.ApproveInvocationRequest(name=waiting.invocations[0].name, request_id=fresh_id()),
        metadata=talk.caller.pairs,
    )
    after = await talk.watched(turn, after=before[-1].sequence)

    assert approved.invocation.decider == "ada"
    assert kinds(after) == ["resumed", "tool_result", "started", "text", "completed"]
    assert after[-1].completed.text == "Noted."
    assert [event.sequence for event in (*before, *after)] == list(range(1, 11))
    assert await talk.watched(turn) == [*before, *after]
    spent, held = await talk.tokens()
    assert (spent, held) == (after[-1].completed.usage.prompt_tokens + 8, 0)


async def test_a_cancelled_turn_frees_the_provider_s_socket(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(text("Once upon"), Ending.SILENCE))
    async with streaming(talk, talk.message()) as events:
        seen = [await anext(events) for _ in range(3)]
        request = pb.CancelTurnRequest(name=seen[0].accepted.turn, request_id=fresh_id())
        cancelled = await talk.cancelled(request)
        rest = [event async for event in events]

    async with timeout(PATIENCE_SECONDS):
        await upstream.last.left.wait()
    assert cancelled.state == pb.TURN_STATE_CANCELLED
    assert kinds(rest) == ["cancelled"]
    assert (await talk.tokens())[1] == 0
    again = await ConversationServiceStub(stage.channel).CancelTurn(
        request, metadata=talk.caller.pairs
    )
    assert again.turn == cancelled


async def test_messages_of_a_session_are_answered_in_order(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    go = Event()
    upstream.answers(
        streamed(go, *answer("One.")), streamed(*answer("Two.")), streamed(*answer("Three."))
    )
    async with streaming(talk, talk.message("1")) as events:
        assert (await anext(events)).accepted.queued is False
        upstream.came.clear()
        second = create_task(talk.said("2"))
        async with streaming(talk, talk.message("3")) as third:
            go.set()
            first = [event async for event in events]
            later = await second
            last = [event async for event in third]

    assert first[-1].completed.text == "One."
    assert {later[-1].completed.text, last[-1].completed.text} == {"Two.", "Three."}
    heard = orjson.dumps(upstream.last.body["messages"]).decode()
    assert heard.index('"1"') < heard.index("One.") < heard.index("Two.")
    assert (await talk.tokens())[1] == 0


async def test_many_sessions_are_answered_at_once(stage: Stage) -> None:
    talks = [await talk_at(stage) for _ in range(3)]

    answers = await gather(*(talk.said() for talk in talks for _ in range(4)))

    assert {events[-1].completed.text for events in answers} == {"Good day."}
    assert [(await talk.tokens())[1] for talk in talks] == [0, 0, 0]


async def test_a_provider_that_breaks_off_fails_the_turn(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(text("Half an ans"), Ending.CUT))

    events = await talk.said()

    failed = events[-1].failed
    assert (failed.error.reason, failed.partial_text) == ("MODEL_TRUNCATED", "Half an ans")
    assert failed.usage.estimated
    assert (await talk.tokens())[1] == 0


async def test_what_is_said_is_explained_and_judged(stage: Stage) -> None:
    talk = await talk_at(stage)
    stub = ConversationServiceStub(stage.channel)
    turn = (await talk.said())[0].accepted.turn

    trace = await stub.GetDecisionTrace(
        pb.GetDecisionTraceRequest(name=turn), metadata=talk.caller.pairs
    )
    request = pb.SubmitFeedbackRequest(
        turn=turn, rating=pb.RATING_GOOD, comment="fine", request_id=fresh_id()
    )
    word = await stub.SubmitFeedback(request, metadata=talk.caller.pairs)

    assert trace.decision_trace.turn == turn
    without_tools = set(pb.Phase.values()) - {pb.PHASE_UNSPECIFIED, pb.PHASE_TOOLS}
    assert {one.phase for one in trace.decision_trace.phases} == without_tools
    assert [one.outcome for one in trace.decision_trace.model_calls] == ["ok"]
    assert word.rating == pb.RATING_GOOD
    assert await stub.SubmitFeedback(request, metadata=talk.caller.pairs) == word


async def test_a_session_is_deleted_once_it_is_idle(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    stub = ConversationServiceStub(stage.channel)
    go = Event()
    upstream.answers(streamed(go, *answer("One.")))
    async with streaming(talk, talk.message()) as events:
        await anext(events)
        busy = stub.DeleteSession(
            pb.DeleteSessionRequest(name=talk.session, request_id=fresh_id()),
            metadata=talk.caller.pairs,
        )
        assert await reason_of(busy) == "SESSION_BUSY"
        go.set()
        assert [event async for event in events][-1].HasField("completed")

    await stub.DeleteSession(
        pb.DeleteSessionRequest(name=talk.session, request_id=fresh_id()),
        metadata=talk.caller.pairs,
    )
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await talk.said()
    assert reason_in(refusal.value) == "SESSION_NOT_FOUND"


async def test_a_stranger_sees_nothing_of_a_conversation(stage: Stage) -> None:
    talk = await talk_at(stage)
    turn = (await talk.said())[0].accepted.turn
    _, stranger = await stage.tenant()
    stub = ConversationServiceStub(stage.channel)

    for call_ in (
        stub.GetTurn(pb.GetTurnRequest(name=turn), metadata=stranger.pairs),
        stub.GetSession(pb.GetSessionRequest(name=talk.session), metadata=stranger.pairs),
        stub.CancelTurn(
            pb.CancelTurnRequest(name=turn, request_id=fresh_id()), metadata=stranger.pairs
        ),
    ):
        assert await reason_of(call_) in {"TURN_NOT_FOUND", "SESSION_NOT_FOUND"}
