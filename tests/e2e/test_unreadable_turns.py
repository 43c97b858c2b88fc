"""A turn whose stored bytes cannot be read ends, and its session and its budget are free again."""

from asyncio import sleep, timeout
from typing import Final

import psycopg
import pytest
from psycopg import sql

from adapters.postgres.database import DatabaseSettings
from application.conversation.drive_turn import BROKEN
from domain.conversation.turn import TurnState
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from tests.contract.postgres_server import owner_url
from tests.e2e.stage import Stage, fresh_id
from tests.e2e.talk import streaming, talk_at
from tests.system.client import PATIENCE_SECONDS
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import Ending, ScriptedUpstream, streamed

LOST: Final = sql.SQL("lease_until = '2020-01-01Z'")
OVERDUE: Final = sql.SQL("lease_until = '2020-01-01Z', deadline_at = '2020-01-01Z'")
KEPT: Final = sql.SQL("lease_until = now() + interval '1 day'")


async def spoil(settings: DatabaseSettings, turn: str, column: str, further: sql.SQL) -> None:
    """Damage what is stored of a turn, and raise its fence: its driver cannot go on with it."""
    await change(
        settings,
        turn,
        sql.SQL("{} = '{{}}', fence = fence + 1, {}").format(sql.Identifier(column), further),
    )


async def change(settings: DatabaseSettings, turn: str, to: sql.Composable) -> None:
    statement = sql.SQL("update turns set {} where turn_id = %s").format(to)
    async with await psycopg.AsyncConnection.connect(owner_url(settings)) as connection:
        await connection.execute(statement, (turn.rsplit("/", 1)[-1],))


async def asked_for(settings: DatabaseSettings, turn: str) -> None:
    """Wait until it is written down that somebody asked for a turn's cancellation."""
    url, query = owner_url(settings), "select from turn_cancellations where turn_id = %s"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            if (await connection.execute(query, (turn.rsplit("/", 1)[-1],))).rowcount:
                return
            await sleep(0.05)


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
        await spoil(database_settings, turn, "terms", OVERDUE)

        state = await ended(database_settings, turn)

    assert state is TurnState.FAILED
    *_, restarted, failed = await talk.watched(turn)
    assert restarted.WhichOneof("event") == "restarted"
    assert failed.failed.error.reason == BROKEN.reason
    assert await talk.tokens() == (0, 0)
    assert (await talk.said())[-1].completed.text == "Again."


async def test_its_events_are_shown_to_their_end(
    stage: Stage, upstream: ScriptedUpstream, database_settings: DatabaseSettings
) -> None:
    talk = await talk_at(stage)
    upstream.answers(streamed(*answer("Here.")))
    events = await talk.said()
    turn = events[0].accepted.turn
    await change(database_settings, turn, sql.SQL("terms = '{}'"))

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
        await spoil(database_settings, turn, column, KEPT)
        asking = ConversationServiceStub(stage.channel).CancelTurn(
            pb.CancelTurnRequest(name=turn, request_id=fresh_id()), metadata=talk.caller.pairs
        )
        await asked_for(database_settings, turn)
        await change(database_settings, turn, LOST)

        state = await ended(database_settings, turn)
        cancelled = await asking

    assert cancelled.turn.name == turn
    assert state is TurnState.CANCELLED
    *_, restarted, last = await talk.watched(turn)
    assert restarted.WhichOneof("event") == "restarted"
    assert last.cancelled.subject == "ada"
    _, held = await talk.tokens()
    assert held == 0
