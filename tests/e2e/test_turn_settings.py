"""What an operator sets about turns holds for every turn."""

from pathlib import Path

from adapters.postgres.database import DatabaseSettings
from somagent.conversation.v1 import conversation_pb2 as pb
from tests.e2e.stage import settings_for, staged
from tests.e2e.talk import talk_at
from tests.upstream.chunks import answer
from tests.upstream.scripted import ScriptedUpstream, streamed


async def test_no_turn_may_take_longer_than_the_operator_lets_it(
    tmp_path: Path, upstream: ScriptedUpstream, database_settings: DatabaseSettings
) -> None:
    settings = settings_for(tmp_path, upstream.base_url, SOMAGENT_TURNS__DEADLINE_SECONDS="7")
    upstream.answers(streamed(*answer("Good day.")))
    async with staged(settings, database_settings) as stage:
        talk = await talk_at(stage)
        events = await talk.said()
        turn = await talk.turn(events[0].accepted.turn)

    assert turn.state == pb.TURN_STATE_COMPLETED
    assert (turn.deadline.ToDatetime() - turn.create_time.ToDatetime()).total_seconds() == 7
