"""A turn whose row is locked elsewhere: its driver asks again, and lets others work meanwhile."""

from asyncio import get_running_loop
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import final

from adapters.inmemory.language_model import said
from application.conversation.ports.leases import EventBatch
from application.conversation.running_turn import AGAIN_SECONDS
from domain.conversation.turn import TurnState
from domain.kernel.errors import StorageUnavailableError
from tests.doubles import until
from tests.inmemory_application import Server
from tests.inmemory_world import world
from tests.unit.application.conversation.handing_leases import HandingLeases
from tests.unit.application.conversation.lost_servers import hangs


@final
@dataclass(slots=True)
class LockedLeases(HandingLeases):
    """Leases whose first answer about events is lost; then the row is locked for some asks."""

    locked: int
    asked: list[float] = field(default_factory=list[float])

    async def append(self, batches: Sequence[EventBatch]) -> Sequence[bool | None]:
        self.asked.append(get_running_loop().time())
        if len(self.asked) == 1:
            raise StorageUnavailableError
        if len(self.asked) <= self.locked:
            return [False for _ in batches]
        return await self.leases.append(batches)


async def test_its_end_waits_a_little_before_it_asks_again() -> None:
    shared = await world()
    server = Server(world=shared)
    leases = server.drivers.leases = LockedLeases(server.leases, locked=4)
    shared.model.will_say(hangs(), said())
    turn_id = await server.say()
    await until(lambda: shared.model.open_streams == 1)
    running = server.drivers.find(turn_id)
    assert running is not None
    running.watched = True
    await server.drivers.keep()

    turn = await server.cancel(turn_id)

    assert turn.state is TurnState.CANCELLED
    assert len(leases.asked) == 5
    pauses = [later - earlier for earlier, later in pairwise(leases.asked[1:])]
    assert min(pauses) >= AGAIN_SECONDS * 0.9
