"""Events of which nobody knows whether they were written belong to the driver that sent them."""

from asyncio import Event, create_task
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from adapters.inmemory.language_model import said
from application.conversation.ports.leases import EventBatch
from application.conversation.ports.models import ModelText
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import TextAdded
from tests.doubles import until
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World
from tests.unit.application.conversation.handing_leases import HandingLeases
from tests.unit.application.conversation.lost_servers import numbers, told


@final
@dataclass(slots=True)
class StuckLeases(HandingLeases):
    """Leases with which the events of the first fence do not get through while they are `stuck`."""

    stuck: bool = False
    waiting: bool = False
    free: Event = field(default_factory=Event)

    async def append(self, batches: Sequence[EventBatch]) -> Sequence[bool | None]:
        if self.stuck and batches[0].fence == 1:
            self.waiting = True
            await self.free.wait()
        return await self.leases.append(batches)


async def test_who_ends_a_turn_that_this_very_server_lost_does_not_write_them(
    shared: World, server: Server
) -> None:
    leases = server.drivers.leases = StuckLeases(server.leases)
    go, end = Event(), Event()
    script = [ModelText("Written, "), go, ModelText("and not"), end, *said(".")]
    shared.model.will_say(script)
    turn_id = await server.say()
    await told(server, turn_id, written=True)
    running = server.drivers.find(turn_id)
    assert running is not None
    leases.stuck = True
    go.set()
    await until(lambda: bool(running.log.unwritten))
    writing = create_task(server.drivers.keep())
    await until(lambda: leases.waiting)
    end.set()
    await until(lambda: running.closing)
    shared.clock.advance(LEASE + 1)

    await server.sweep()
    leases.free.set()
    await writing
    turn = await server.settled(turn_id)

    events = await server.shown(turn_id)
    assert turn.state is TurnState.FAILED
    assert numbers(events) == list(range(1, events[-1].sequence + 1))
    shown = [one.body.delta for one in events if isinstance(one.body, TextAdded)]
    assert shown == ["Written, "]
