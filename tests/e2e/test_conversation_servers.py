"""A turn that one server drives is watched, cancelled and continued at another."""

from asyncio import Event, create_task, timeout
from collections.abc import AsyncGenerator

import pytest

from adapters.postgres.database import DatabaseSettings
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent.tools.v1 import tools_pb2
from somagent.tools.v1.tools_pb2_grpc import ToolServiceStub
from tests.e2e.stage import Stage, fresh_id, staged
from tests.e2e.talk import kinds, streaming, talk_at, text_of
from tests.system.client import PATIENCE_SECONDS
from tests.upstream.chunks import answer, call, text
from tests.upstream.scripted import Ending, ScriptedUpstream, streamed


@pytest.fixture
async def other(stage: Stage, database_settings: DatabaseSettings) -> AsyncGenerator[Stage]:
    """A second server on the same database and secrets."""
    async with staged(stage.settings, database_settings) as opened:
        yield opened


async def test_a_turn_is_watched_from_another_server_while_it_runs(
    stage: Stage, other: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    go = Event()
    upstream.answers(streamed(text("Good "), go, *answer("day.")))
    async with timeout(PATIENCE_SECONDS), streaming(talk, talk.message()) as events:
        here = [await anext(events) for _ in range(3)]
        request = pb.WatchTurnRequest(name=here[0].accepted.turn)
        stream = ConversationServiceStub(other.channel).WatchTurn(
            request, metadata=talk.caller.pairs
        )
        responses = aiter(stream)
        there = [(await anext(responses)).event for _ in range(3)]
        go.set()
        here += [event async for event in events]
        there += [response.event async for response in responses]

    assert text_of(there[:3]) == "Good "
    assert there == here


async def test_a_turn_is_cancelled_from_another_server(
    stage: Stage, other: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(text("Once"), Ending.SILENCE))
    async with timeout(PATIENCE_SECONDS), streaming(talk, talk.message()) as events:
        seen = [await anext(events) for _ in range(3)]
        request = pb.CancelTurnRequest(name=seen[0].accepted.turn, request_id=fresh_id())
        cancelled = await talk.cancelled(request, channel=other.channel)
        rest = [event async for event in events]

    assert cancelled.state == pb.TURN_STATE_CANCELLED
    assert kinds(rest) == ["cancelled"]


async def test_a_turn_goes_on_where_it_was_approved(
    stage: Stage, other: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage, autonomy=2)
    upstream.answers(
        streamed(*call("note_write", '{"text":"Buy milk"}')), streamed(*answer("Noted."))
    )
    before = await talk.said()

    async with timeout(PATIENCE_SECONDS):
        await ToolServiceStub(other.channel).ApproveInvocation(
            tools_pb2.ApproveInvocationRequest(
                name=before[-1].paused.invocations[0], request_id=fresh_id()
            ),
            metadata=talk.caller.pairs,
        )
        after = await talk.watched(before[0].accepted.turn, after=before[-1].sequence)

    assert after[-1].completed.text == "Noted."


async def test_a_message_waits_at_one_server_for_a_turn_of_another(
    stage: Stage, other: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    go = Event()
    upstream.answers(streamed(go, *answer("One.")), streamed(*answer("Two.")))
    async with timeout(PATIENCE_SECONDS), streaming(talk, talk.message("1")) as events:
        await anext(events)
        second = create_task(talk.said("2", channel=other.channel))
        stub = ConversationServiceStub(stage.channel)
        waiting = 0
        while not waiting:
            answered = await stub.GetSession(
                pb.GetSessionRequest(name=talk.session), metadata=talk.caller.pairs
            )
            waiting = answered.session.waiting
        go.set()
        first = [event async for event in events]
        later = await second

    assert first[-1].completed.text == "One."
    assert later[0].accepted.queued
    assert later[-1].completed.text == "Two."


async def test_the_same_request_at_two_servers_is_one_turn(
    stage: Stage, other: Stage, upstream: ScriptedUpstream
) -> None:
    talk = await talk_at(stage)
    request_id = fresh_id()

    here, there = (
        create_task(talk.said("Hello", request_id)),
        create_task(talk.said("Hello", request_id, channel=other.channel)),
    )

    async with timeout(PATIENCE_SECONDS):
        assert await here == await there
    assert len(upstream.exchanges) == 1
