"""The end of a turn, or its pause, is one command, however often it is asked for."""

from asyncio import create_task

import pytest

from adapters.inmemory.language_model import called, said
from domain.conversation.turn import TurnState
from domain.kernel.errors import StorageUnavailableError
from tests.builders import TENANT
from tests.doubles import FlakyJournal, answers
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, manifest, world
from tests.unit.application.conversation.lost_servers import SEND, check_money


@pytest.mark.parametrize("step", ["pause", "finish"])
async def test_what_is_shown_after_a_lost_answer_is_what_was_written(step: str) -> None:
    shared = await world(manifest(autonomy=2))
    shared.tools.have("send", answers("sent"), effect=True)
    journal = FlakyJournal(Server(world=shared).plain_journal(), lost={step: 1})
    server = Server(world=shared, journal=journal)
    shared.model.will_say(called(SEND) if step == "pause" else said("Hi."))
    written, lose = journal.hold_back(step)
    turn_id = await server.say()
    watching = create_task(server.shown(turn_id))
    await written.wait()

    shared.clock.advance(2)
    lose.set()

    assert await watching == list(await shared.reader.events(TENANT, turn_id, 0, 1 << 62))


async def test_a_turn_is_counted_by_who_ends_it_and_not_by_who_could_not(shared: World) -> None:
    async def away() -> None:
        raise StorageUnavailableError

    journal = FlakyJournal(Server(world=shared).plain_journal(), first={"finish": away})
    server = Server(world=shared, name="cut off", journal=journal)
    shared.model.will_say(said("Unheard."), said("Heard."))
    turn_id = await server.say()
    await server.settled(turn_id)
    assert (await server.turn(turn_id)).state is TurnState.RUNNING

    shared.clock.advance(LEASE + 1)
    other = Server(world=shared, name="other")
    await other.sweep()
    turn = await other.settled(turn_id)

    assert server.observer.ended == []
    assert [(one.turn_id, one.state) for one in other.observer.ended] == [(turn_id, turn.state)]
    assert turn.state is TurnState.COMPLETED
    check_money(shared, turn)
