"""A turn is planned with all that was said before it, whatever ends while its message comes in."""

from itertools import count

import pytest

from adapters.inmemory.language_model import said
from application.conversation.process_message import READINGS
from domain.conversation.errors import SessionBusyError
from domain.conversation.turn import TurnState
from domain.kernel.metering import Metric
from tests.doubles import FlakyJournal
from tests.inmemory_application import Server
from tests.inmemory_world import World, world


@pytest.fixture
async def shared() -> World:
    return await world()


@pytest.fixture
def quick(shared: World) -> Server:
    """A server whose turns end while those of others are being accepted."""
    return Server(world=shared, name="quick")


@pytest.fixture
def journal(quick: Server) -> FlakyJournal:
    return FlakyJournal(quick.plain_journal())


@pytest.fixture
def server(shared: World, journal: FlakyJournal) -> Server:
    return Server(world=shared, name="quick", journal=journal)


@pytest.mark.parametrize("times", [1, READINGS - 1])
async def test_a_turn_knows_the_answers_that_were_given_while_its_message_came_in(
    shared: World, quick: Server, server: Server, journal: FlakyJournal, times: int
) -> None:
    texts = [str(number) for number in range(times)]
    coming = iter(texts)

    async def another() -> None:
        if text := next(coming, ""):
            await quick.answered(text, request_id=text)

    journal.first["accept"] = another
    shared.model.will_say(*(said(f"To {text}.") for text in texts), said("At last."))

    turn = await server.answered("And?", request_id="and")

    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "At last.")
    assert [message.text for message in shared.model.requests[-1].messages] == [
        "Be brief.", *(part for text in texts for part in (text, f"To {text}.")), "And?",
    ]  # fmt: skip
    assert len(shared.store.turns) == times + 1


async def test_a_message_that_others_overtake_again_and_again_is_refused_and_leaves_nothing(
    shared: World, quick: Server, server: Server, journal: FlakyJournal
) -> None:
    coming = count()

    async def another() -> None:
        await quick.answered("Me first.", request_id=f"other {next(coming)}")

    journal.first["accept"] = another

    with pytest.raises(SessionBusyError):
        await server.say("And?", request_id="and")

    assert len(shared.store.turns) == len(shared.store.turn_requests) == READINGS
    assert shared.held(Metric.TOKENS) == 0
