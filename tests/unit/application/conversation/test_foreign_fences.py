"""No driver goes on under a fence that was given to another one."""

from asyncio import Event, create_task

from adapters.inmemory.language_model import called, said
from application.conversation.ports.observing import TakenOver
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Restarted
from tests.builders import TENANT
from tests.doubles import FlakyJournal, until, waits_for
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import manifest, world
from tests.unit.application.conversation.lost_servers import (
    SEND,
    check_money,
    hangs,
    numbers,
    told,
)
from tests.unit.application.conversation.paused_turns import asking_world, paused, waiting


async def test_a_resumption_that_is_asked_again_leaves_the_turn_to_who_took_it_over() -> None:
    shared = await asking_world()
    flaky = FlakyJournal(Server(world=shared).plain_journal(), patient=True)
    server = Server(world=shared, journal=flaky)
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    resumed, lose = flaky.hold_back("resume")
    flaky.lost["resume"] = 1
    deciding = create_task(server.decided(invocation_id, approved=True))
    await resumed.wait()
    shared.clock.advance(LEASE + 1)
    taken_on, hear = flaky.hold_back("take_on")
    sweeping = create_task(server.sweep())
    await taken_on.wait()

    lose.set()
    await deciding

    assert server.drivers.find(turn_id) is None
    hear.set()
    assert await sweeping == 1
    turn = await server.settled(turn_id)
    assert (turn.state, turn.fence, turn.answer) == (TurnState.COMPLETED, 3, "It was sent.")
    assert server.observer.taken == [TakenOver.CONTINUED]
    assert len(shared.tools.runs) == 1
    events = await server.shown(turn_id)
    assert [type(one.body) for one in events].count(Restarted) == 1
    assert numbers(events) == list(range(1, numbers(events)[-1] + 1))
    check_money(shared, turn)


async def test_a_server_that_hears_late_that_it_took_a_turn_on_calls_no_tool_of_it() -> None:
    shared = await world(manifest())
    done = Event()
    shared.tools.have("send", waits_for(done, "sent"), effect=True)
    zero = Server(world=shared, name="zero")
    flaky = FlakyJournal(Server(world=shared, name="one").plain_journal())
    one, two = Server(world=shared, name="one", journal=flaky), Server(world=shared, name="two")
    shared.model.will_say(hangs(), called(SEND), said("Done."))
    turn_id = await zero.say()
    await told(zero, turn_id, written=True)
    shared.clock.advance(LEASE + 1)
    taken_on, hear = flaky.hold_back("take_on")
    sweeping = create_task(one.sweep())
    await taken_on.wait()
    shared.clock.advance(LEASE + 1)
    assert await two.sweep() == 1

    hear.set()
    assert await sweeping == 1
    await one.drivers.keep()
    await until(lambda: len(one.drivers) == 0)
    await until(lambda: len(shared.tools.runs) == 1)
    done.set()
    turn = await two.settled(turn_id)

    assert (turn.state, turn.fence, turn.answer) == (TurnState.COMPLETED, 3, "Done.")
    assert len(shared.tools.runs) == 1
    (call,) = await shared.reader.invocations(TENANT, turn_id)
    assert shared.tools.keys == [str(call.id)]
    check_money(shared, turn)
