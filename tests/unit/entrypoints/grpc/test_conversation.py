"""The conversation service as its clients see it, over a real connection."""

from asyncio import Event
from collections.abc import AsyncGenerator
from uuid import UUID

import grpc
import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.ports.models import ModelEnd, ModelText
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import SessionId
from domain.kernel.metering import Metric
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.builders import TURN
from tests.doubles import answers, until
from tests.inmemory_application import REQUEST
from tests.inmemory_world import World, manifest, world
from tests.unit.entrypoints.grpc.conversation_rig import (
    Client,
    client_of,
    message,
    session_name,
    turn_name,
)
from tests.unit.entrypoints.grpc.rig import reason_in

END = ModelEnd(finish_reason="stop", prompt_tokens=12, completion_tokens=3)
SECOND = REQUEST[:-1] + "2"


@pytest.fixture
async def shared() -> World:
    return await world()


@pytest.fixture
async def client(shared: World) -> AsyncGenerator[Client]:
    async with client_of(shared) as opened:
        yield opened


async def test_a_message_streams_its_turn(shared: World, client: Client) -> None:
    words = [f"word {place} " for place in range(50)]
    shared.model.will_say([*(ModelText(word) for word in words), END])

    events = await client.said(message())

    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == ["accepted", "started", *["text"] * 50, "completed"]
    assert [event.text.delta for event in events[2:-1]] == words
    assert [event.sequence for event in events] == list(range(1, 54))
    assert all(event.time.ToDatetime().year == 2026 for event in events)
    accepted, last = events[0].accepted, events[-1].completed
    assert accepted.turn.startswith(f"{session_name()}/turns/")
    assert accepted.capsule_version == "tenants/acme/capsules/greeter/versions/1.0.0"
    assert events[1].started.capability == "tenants/acme/capabilities/tiny"
    assert (events[1].started.round, events[1].started.attempt) == (0, 1)
    assert (last.text, last.finish_reason) == ("".join(words), pb.FINISH_REASON_STOP)
    assert last.record.startswith("tenants/acme/records/")
    assert (last.usage.prompt_tokens, last.usage.cost_micro_usd) == (12, 1500)


async def test_the_same_request_streams_the_same_turn(shared: World, client: Client) -> None:
    shared.model.will_say(said("Good ", "day."))
    first = await client.said(message())

    assert await client.said(message()) == first
    assert len(shared.model.requests) == 1


async def test_what_is_refused_before_the_acceptance_is_a_status(
    shared: World, client: Client
) -> None:
    await shared.limit(Metric.TOKENS, 10)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.said(message())

    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_in(refusal.value) == "BUDGET_EXHAUSTED"
    assert shared.store.turns == {}


async def test_what_fails_after_the_acceptance_is_in_the_stream(
    shared: World, client: Client
) -> None:
    shared.model.will_say([ModelText("Half")])

    events = await client.said(message())

    failed = events[-1].failed
    assert failed.error.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert (failed.error.reason, failed.error.domain) == ("MODEL_TRUNCATED", "somagent.dev")
    assert failed.partial_text == "Half"


async def test_a_client_that_goes_away_does_not_stop_the_turn(
    shared: World, client: Client
) -> None:
    go = Event()
    shared.model.will_say([ModelText("Good "), go, ModelText("day."), END])
    stream = client.stub.ProcessMessage(message(), metadata=client.member)
    async for response in stream:
        if response.event.HasField("text"):
            break
    stream.cancel()
    go.set()
    await until(lambda: bool(client.server.observer.ended))

    (turn,) = [stored.turn for stored in shared.store.turns.values()]
    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "Good day.")


async def test_the_deadline_of_the_call_is_the_turn_s(shared: World, client: Client) -> None:
    go = Event()
    shared.model.will_say([go, *said("Good day.")])
    stream = client.stub.ProcessMessage(message(), metadata=client.member, timeout=100)
    responses = aiter(stream)
    await anext(responses)
    (turn,) = [stored.turn for stored in shared.store.turns.values()]
    go.set()
    async for _ in responses:
        """To its end."""

    # A deadline travels in few digits, rounded up, and some of the time has passed.
    assert 50 < (turn.deadline_at - shared.clock.now()).total_seconds() < 110


async def test_a_stream_is_picked_up_at_a_number(shared: World, client: Client) -> None:
    shared.model.will_say(said("Good ", "day."))
    events = await client.said(message())
    turn = events[0].accepted.turn

    assert await client.watched(turn, after=3) == events[3:]
    assert await client.watched(turn) == events
    assert await client.watched(turn, after=5) == []
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.watched(turn, after=6)
    assert refusal.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_a_tool_and_the_wait_for_a_person_are_shown(shared: World, client: Client) -> None:
    shared.install(manifest(autonomy=2))
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")), said("I did not."))

    before = await client.said(message())
    invocation = before[-2].approval_requested.invocation
    await client.server.decided(next(iter(shared.store.invocations))[1], approved=False)
    after = await client.watched(before[0].accepted.turn, after=before[-1].sequence)

    assert [event.WhichOneof("event") for event in before] == [
        "accepted", "started", "tool_call", "approval_requested", "paused",
    ]  # fmt: skip
    assert list(before[-1].paused.invocations) == [invocation]
    assert [event.WhichOneof("event") for event in after] == [
        "resumed", "tool_result", "started", "text", "completed",
    ]  # fmt: skip
    result = after[1].tool_result
    assert (result.invocation, result.state) == (invocation, tools_pb2.INVOCATION_STATE_REJECTED)
    assert result.reason == "APPROVAL_REJECTED"


async def test_a_turn_is_cancelled(shared: World, client: Client) -> None:
    shared.model.will_say([ModelText("Once"), Event()])
    stream = client.stub.ProcessMessage(message(), metadata=client.member)
    responses = aiter(stream)
    events = [(await anext(responses)).event for _ in range(3)]
    request = pb.CancelTurnRequest(name=events[0].accepted.turn, request_id=REQUEST)

    answer = await client.stub.CancelTurn(request, metadata=client.member)
    rest = [response.event async for response in responses]

    assert answer.turn.state == pb.TURN_STATE_CANCELLED
    assert rest[-1].cancelled.subject == "ada"
    assert await stream.code() is grpc.StatusCode.OK
    again = await client.stub.CancelTurn(request, metadata=client.member)
    assert again == answer


async def test_a_turn_is_read_and_listed(shared: World, client: Client) -> None:
    shared.model.will_say(said("Good day."))
    first = (await client.said(message("1")))[0].accepted.turn
    second = (await client.said(message("2", SECOND)))[0].accepted.turn

    one = await client.stub.GetTurn(pb.GetTurnRequest(name=first), metadata=client.member)
    page = await client.stub.ListTurns(
        pb.ListTurnsRequest(parent=session_name(), page_size=1), metadata=client.member
    )
    rest = await client.stub.ListTurns(
        pb.ListTurnsRequest(parent=session_name(), page_size=1, page_token=page.next_page_token),
        metadata=client.member,
    )

    assert (one.turn.state, one.turn.message) == (pb.TURN_STATE_COMPLETED, "1")
    assert (one.turn.answer, one.turn.subject) == ("Good day.", "ada")
    assert one.turn.capsule_version.endswith("/capsules/greeter/versions/1.0.0")
    assert [turn.name for turn in (*page.turns, *rest.turns)] == [second, first]
    assert rest.next_page_token == ""


@pytest.mark.parametrize(
    "name",
    [
        turn_name(TURN),
        turn_name(TURN, tenant="other"),
        turn_name(TURN, session_id=SessionId(UUID(int=5))),
    ],
)
async def test_a_turn_that_is_not_there_is_not_found(client: Client, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.stub.GetTurn(pb.GetTurnRequest(name=name), metadata=client.member)
    assert reason_in(refusal.value) == "TURN_NOT_FOUND"

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.watched(name)
    assert reason_in(refusal.value) == "TURN_NOT_FOUND"


async def test_a_stranger_sees_nothing(client: Client) -> None:
    turn = (await client.said(message()))[0].accepted.turn

    for asked in (
        client.stub.GetTurn(pb.GetTurnRequest(name=turn), metadata=client.stranger),
        client.stub.GetDecisionTrace(
            pb.GetDecisionTraceRequest(name=turn), metadata=client.stranger
        ),
        client.stub.GetSession(pb.GetSessionRequest(name=session_name()), metadata=client.stranger),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await asked
        assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_turn_is_explained(shared: World, client: Client) -> None:
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call_1", "clock", "{}")), said("Noon."))
    turn = (await client.said(message()))[0].accepted.turn

    answer = await client.stub.GetDecisionTrace(
        pb.GetDecisionTraceRequest(name=turn), metadata=client.member
    )

    trace = answer.decision_trace
    assert trace.turn == turn
    assert {one.phase for one in trace.phases} == set(pb.Phase.values()) - {0}
    assert trace.selection.chosen == "tenants/acme/capabilities/tiny"
    assert trace.derived_settings.max_tokens == 512
    assert trace.derived_settings.thinking_budget_tokens == 1024
    assert [one.tool for one in trace.tools] == ["clock"]
    assert [one.round for one in trace.model_calls] == [0, 1]
    assert trace.lanes[0].lane == pb.LANE_SYSTEM
    assert trace.lanes[0].estimated
    assert trace.holds[0].account.id == "acme"
    assert trace.holds[0].used == sum(
        one.prompt_tokens + one.completion_tokens for one in trace.model_calls
    )
    assert any(one.permission == "tool:use" and one.allowed for one in trace.policy_decisions)
