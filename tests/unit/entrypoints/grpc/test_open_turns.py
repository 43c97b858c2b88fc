"""What a call is told that ends all open turns of a tenant."""

from asyncio import Event

import pytest

from adapters.inmemory.sessions import InMemorySessions
from application.conversation.read_conversation import ListSessions
from domain.kernel.errors import StorageUnavailableError
from entrypoints.grpc.open_turns import EndOpenTurns
from tests.builders import TENANT
from tests.doubles import FlakyJournal
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import world

SECOND = REQUEST[:-1] + "2"


async def test_a_database_that_goes_away_meanwhile_is_told_as_what_it_is() -> None:
    shared = await world()
    journal = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=journal)
    shared.model.will_say([Event()])
    await server.say("1")
    await server.say("2", request_id=SECOND)
    journal.defects = [StorageUnavailableError() for _ in range(100)]
    sessions = InMemorySessions(store=shared.store, clock=shared.clock)
    end = EndOpenTurns(list_sessions=ListSessions(sessions=sessions), cancel=server.cancel_turn)

    with pytest.raises(StorageUnavailableError):
        await end(TENANT, by="operator")
