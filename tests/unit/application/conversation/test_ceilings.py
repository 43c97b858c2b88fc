"""How far a driver may number its events."""

from asyncio import timeout

import pytest

from application.conversation.ports.journal import Grant
from application.conversation.running_turn import RunningTurn
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import TextAdded
from tests.builders import SESSION, TENANT, TURN
from tests.fakes import StoppedClock


async def test_the_ceiling_itself_is_kept_for_what_tells_of_a_loss() -> None:
    async def keep(_: RunningTurn) -> None:
        """The database does not answer."""

    clock = StoppedClock()
    running = RunningTurn(
        tenant_id=TENANT,
        session_id=SESSION,
        grant=Grant(
            turn_id=TURN,
            state=TurnState.RUNNING,
            fence=1,
            lease_seconds=30.0,
            ceiling=3,
            first_sequence=1,
        ),
        asked_at=clock.monotonic(),
        clock=clock,
        keep=keep,
    )
    for word in ("one ", "two "):
        await running.show(TextAdded(word))
    with pytest.raises(TimeoutError):
        async with timeout(0.2):
            await running.show(TextAdded("three "))

    assert running.log.next_sequence == running.ceiling == 3
