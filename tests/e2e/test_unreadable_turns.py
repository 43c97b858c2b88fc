"""A turn whose stored bytes cannot be read ends, and its session and its budget are free again."""

from asyncio import sleep, timeout

import psycopg
import pytest
from psycopg import sql

from adapters.postgres.database import DatabaseSettings
from domain.conversation.turn import TurnState
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from tests.contract.postgres_server import owner_url
from tests.e2e.stage import Stage, fresh_id
from tests.e2e.talk import streaming, talk_at
from tests.system.client import PATIENCE_SECONDS
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import Ending, ScriptedUpstream, streamed


async def spoil(settings: DatabaseSettings, turn: str, column: str, *, over: bool) -> None:
    """Damage what is stored of a turn, and let its lease, if any, or also its time, be over."""
    statement = sql.SQL(
        "update turns set {} = '{{}}', "
        "lease_until = case when lease_until is not null then timestamptz '2020-01-01Z' end, "
        "deadline_at = case when %s then '2020-01-01Z' else deadline_at end where turn_id = %s"
    )
    async with await psycopg.AsyncConnection.connect(owner_url(settings)) as connection:
        await connection.execute(
            statement.format(sql.Identifier(column)), (over, turn.rsplit("/", 1)[-1])
        )


async def ended(settings: DatabaseSettings, turn: str) -> TurnState:
    """The state of a turn once it has ended."""
    url, query = owner_url(settings), "select state from turns where turn_id = %s"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            cursor = await connection.execute(query, (turn.rsplit("/", 1)[-1],))
            ((state,),) = await cursor.fetchall()
            assert isinstance(state, int)
            if TurnState(state).final:
                return TurnState(state)
            await sleep(0.05)


async def test_it_fails_when_its_time_is_over(
    stage: Stage, upstream: ScriptedUpstream, database_settings: DatabaseSettings
) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(text("Once"), Ending.SILENCE), streamed(*answer("Again.")))
    async with timeout(PATIENCE_SECONDS), streaming(talk, talk.message()) as events:
        turn = (await anext(events)).accepted.turn
        await spoil(database_settings, turn, "terms", over=True)

        state = await ended(database_settings, turn)

    assert state is TurnState.FAILED
    assert await talk.tokens() == (0, 0)
    assert (await talk.said())[-1].completed.text == "Again."


async def test_its_events_are_shown_to_their_end(
    stage: Stage, upstream: ScriptedUpstream, database_settings: DatabaseSettings
) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(*answer("Here.")))
    events = await talk.said()
    turn = events[0].accepted.turn
    await spoil(database_settings, turn, "terms", over=False)

    async with timeout(PATIENCE_SECONDS):
        assert await talk.watched(turn) == events


@pytest.mark.parametrize("column", ["terms", "outcome"])
async def test_it_can_be_cancelled(
    stage: Stage, upstream: ScriptedUpstream, database_settings: DatabaseSettings, column: str
) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(text("Once"), Ending.SILENCE))
    async with timeout(PATIENCE_SECONDS), streaming(talk, talk.message()) as events:
        turn = (await anext(events)).accepted.turn
        await spoil(database_settings, turn, column, over=False)

        cancelled = await ConversationServiceStub(stage.channel).CancelTurn(
            pb.CancelTurnRequest(name=turn, request_id=fresh_id()), metadata=talk.caller.pairs
        )

    assert cancelled.turn.name == turn
    assert await ended(database_settings, turn) is TurnState.CANCELLED
    _, held = await talk.tokens()
    assert held == 0
