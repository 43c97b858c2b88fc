"""A turn that waits for a person, as tests leave it."""

from datetime import timedelta
from typing import Final

from adapters.inmemory.language_model import called, said
from domain.conversation.message import ToolCall
from domain.kernel.identifiers import InvocationId, TurnId
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.doubles import answers
from tests.inmemory_application import Server
from tests.inmemory_world import World, manifest, world

DAY: Final = timedelta(hours=24).total_seconds()


async def asking_world(then: str = "It was sent.") -> World:
    """A world whose capsule lets no tool run without a person's word; its model asks for one."""
    shared = await world(manifest(autonomy=2))
    shared.tools.have("send", answers("sent"), effect=True)
    shared.tools.have("clock", answers("noon"))
    shared.model.will_say(called(ToolCall("call_1", "send", '{"to":"grace"}')), said(then))
    return shared


async def paused(server: Server) -> TurnId:
    turn_id = await server.say("Send it")
    await server.settled(turn_id)
    return turn_id


async def waiting(server: Server, turn_id: TurnId) -> list[InvocationId]:
    found = await server.world.reader.invocations(TENANT, turn_id)
    return [one.id for one in found if one.state is InvocationState.PENDING_APPROVAL]
