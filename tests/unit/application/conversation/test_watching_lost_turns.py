"""Who watches at a server that has lost the turn, and does not know it, misses nothing."""

from asyncio import Event, create_task, sleep
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from adapters.inmemory.language_model import said
from application.conversation.ports.leases import Renewal
from domain.conversation.turn_event import Completed, Restarted, TextAdded
from domain.kernel.errors import StorageUnavailableError
from tests.doubles import FlakyJournal, until
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World
from tests.unit.application.conversation.handing_leases import HandingLeases
from tests.unit.application.conversation.lost_servers import hangs, numbers, told


@final
@dataclass(slots=True)
class SilentLeases(HandingLeases):
    """Leases that nobody can renew: the database does not answer."""

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        del renewals
        raise StorageUnavailableError


async def test_a_number_that_the_next_driver_has_shown_is_not_refused(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs(), said("Done."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=True)
    shared.clock.advance(LEASE + 1)
    assert await other.sweep() == 1
    await other.settled(turn_id)
    seen = await other.shown(turn_id)
    assert lost.drivers.find(turn_id) is not None

    rest = await lost.shown(turn_id, after=seen[-2].last_sequence)

    assert rest == seen[-1:]


async def test_a_stream_that_begins_after_the_take_over_shows_what_was_written(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs(), said("Done."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)
    shared.clock.advance(LEASE + 1)
    assert await other.sweep() == 1
    await other.settled(turn_id)

    seen = await lost.shown(turn_id)

    assert seen == await other.shown(turn_id)
    assert isinstance(seen[0].body, Restarted)


async def test_a_stream_that_was_followed_goes_on_with_the_next_driver_s_events(
    shared: World, lost: Server, other: Server
) -> None:
    lost.drivers.leases = SilentLeases(lost.leases)
    shared.model.will_say(hangs(), said("Done."))
    turn_id = await lost.say()
    following = create_task(lost.shown(turn_id))
    await told(lost, turn_id, written=True)
    shared.clock.advance(LEASE + 1)
    assert await other.sweep() == 1
    await other.settled(turn_id)

    await lost.drivers.keep()

    assert await following == await other.shown(turn_id)
    assert lost.drivers.find(turn_id) is not None


async def test_a_stream_leaves_a_driver_whose_turn_was_taken_over_by_its_own_server(
    shared: World,
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=flaky)
    ending, go = Event(), Event()

    async def stand_still() -> None:
        del flaky.first["finish"]
        ending.set()
        await go.wait()

    flaky.first["finish"] = stand_still
    shared.model.will_say(said("Lost."), said("Done."))
    turn_id = await server.say()
    first = server.drivers.find(turn_id)
    assert first is not None
    following = create_task(server.shown(turn_id))
    await ending.wait()
    await until(lambda: first.log.next_sequence == 4)
    shared.clock.advance(LEASE + 1)
    assert await server.sweep() == 1

    seen = await following

    texts = [one.body.delta for one in seen if isinstance(one.body, TextAdded)]
    assert texts == ["Lost.", "Done."]
    assert isinstance(end := seen[-1].body, Completed)
    assert end.text == "Done."
    shown = numbers(seen)
    assert sorted({*shown}) == list(range(1, shown[-1] + 1))
    go.set()
    await first.ended.wait()
    assert (await server.turn(turn_id)).answer == "Done."


async def test_a_watcher_of_a_turn_that_is_renewed_late_stays_with_its_driver(
    shared: World, server: Server
) -> None:
    shared.model.will_say(hangs())
    turn_id = await server.say()
    await told(server, turn_id, written=False)
    running = server.drivers.find(turn_id)
    assert running is not None
    last = running.log.next_sequence - 1
    following = create_task(running.log.more(last))
    await sleep(0)
    shared.clock.advance(LEASE + 1)

    await server.drivers.keep()
    await sleep(0)
    assert not following.done()

    event = running.log.append(TextAdded("On"))
    assert await following == [event]
