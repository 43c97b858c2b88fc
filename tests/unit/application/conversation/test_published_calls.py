"""Every call of a turn is published, whichever round it was made in."""

from adapters.inmemory.language_model import called, said
from domain.conversation.message import ToolCall
from domain.tools.events import ToolInvoked
from domain.tools.invocation import InvocationState
from tests.builders import SESSION, TENANT
from tests.doubles import answers
from tests.inmemory_application import Server
from tests.inmemory_world import manifest, world


async def test_the_calls_of_every_round_are_published_at_the_end() -> None:
    shared = await world(manifest(intelligence=5))
    server = Server(world=shared)
    shared.tools.have("clock", answers("noon"))
    shared.tools.have("dice", answers("six"))
    first, second = ToolCall("a", "clock", "{}"), ToolCall("b", "dice", "{}")
    shared.model.will_say(called(first), called(second), said("Six at noon."))

    await server.settled(await server.say("What is it?"))

    outgoing = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    assert [(one.tool, one.state) for one in outgoing if isinstance(one, ToolInvoked)] == [
        ("clock", InvocationState.SUCCEEDED),
        ("dice", InvocationState.SUCCEEDED),
    ]
