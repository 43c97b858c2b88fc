"""A turn that was promoted is driven by the server that has it, whatever is left of its lease."""

from asyncio import Event
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from adapters.inmemory.language_model import said
from application.conversation.ports.leases import Renewal
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import TurnId
from tests.doubles import until
from tests.inmemory_application import LEASE, REQUEST, Server
from tests.inmemory_world import World
from tests.unit.application.conversation.handing_leases import HandingLeases

SECOND = REQUEST[:-1] + "2"


@final
@dataclass(slots=True)
class LockedLeases(HandingLeases):
    """Leases whose rows are locked for so many renewals."""

    times: int

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        if self.times == 0:
            return await self.leases.renew(renewals)
        self.times -= 1
        return [0.0 for _ in renewals]


async def promoted(server: Server) -> TurnId:
    """A turn of a server that was promoted and that nobody drives yet."""
    go = Event()
    server.world.model.will_say([go, *said("One.")], said("Two."))
    first = await server.say("1")
    second = await server.say("2", request_id=SECOND)
    go.set()
    await server.settled(first)
    return second


async def test_one_whose_lease_is_over_is_driven_all_the_same(
    shared: World, server: Server
) -> None:
    turn_id = await promoted(server)
    shared.clock.advance(LEASE + 1)

    assert await server.start_promoted() == 1

    turn = await server.settled(turn_id)
    assert (turn.state, turn.answer, turn.fence) == (TurnState.COMPLETED, "Two.", 1)


async def test_one_whose_lease_is_over_waits_for_its_row(shared: World, server: Server) -> None:
    turn_id = await promoted(server)
    shared.clock.advance(LEASE + 1)
    server.drivers.leases = LockedLeases(server.leases, times=2)

    await server.start_promoted()

    assert (await server.settled(turn_id)).answer == "Two."


async def test_one_that_was_taken_over_is_left(
    shared: World, server: Server, other: Server
) -> None:
    turn_id = await promoted(server)
    shared.clock.advance(LEASE + 1)
    await server.start_promoted()
    running = server.drivers.find(turn_id)
    assert running is not None
    await other.sweep()
    await other.start_promoted()

    await until(running.ended.is_set)

    assert running.log.next_sequence == 1
    turn = await other.settled(turn_id)
    assert (turn.answer, turn.fence) == ("Two.", 2)


async def test_one_that_is_found_again_before_it_is_renewed_is_not_counted_again(
    server: Server,
) -> None:
    turn_id = await promoted(server)

    assert await server.start_promoted() == 1
    assert await server.start_promoted() == 0

    assert (await server.settled(turn_id)).answer == "Two."


async def test_one_that_is_cancelled_before_its_driver_begins_ends_as_cancelled(
    server: Server,
) -> None:
    turn_id = await promoted(server)
    await server.start_promoted()

    turn = await server.cancel(turn_id)

    assert turn.state is TurnState.CANCELLED
    assert len(server.drivers) == 0


async def test_one_that_is_lost_before_its_driver_begins_is_left(server: Server) -> None:
    turn_id = await promoted(server)
    await server.start_promoted()
    running = server.drivers.find(turn_id)
    assert running is not None

    running.lost()
    await until(running.ended.is_set)

    assert running.log.next_sequence == 1
    assert len(server.drivers) == 0
