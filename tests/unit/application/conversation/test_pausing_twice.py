"""A turn that waits for people twice goes on from the second time, whoever read the first."""

from adapters.inmemory.language_model import called, said
from domain.conversation.message import ToolCall
from domain.conversation.turn import Turn, TurnState
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.doubles import answers
from tests.inmemory_application import Server
from tests.inmemory_world import manifest, world

CALLS = [ToolCall(f"call_{number}", "send", f'{{"to":"{number}"}}') for number in (1, 2)]


async def approve(server: Server, turn: Turn) -> Turn:
    """Say yes to the call that waits; the turn when nobody drives it any more."""
    found = await server.world.reader.invocations(TENANT, turn.id)
    (waiting,) = (one.id for one in found if one.state is InvocationState.PENDING_APPROVAL)
    await server.decided(waiting, approved=True)
    return await server.settled(turn.id)


async def test_what_was_read_of_a_pause_does_not_let_its_turn_go_on_from_a_later_one() -> None:
    shared = await world(manifest(autonomy=2, intelligence=5))
    server = Server(world=shared)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(*(called(call) for call in CALLS), said("Both were sent."))
    first = await server.answered("Send them")
    await approve(server, first)
    await shared.limit(Metric.TOKENS, 20)
    second = await approve(server, first)
    await shared.limit(Metric.TOKENS, 100_000)

    await server.resume(first)

    assert (await server.turn(first.id)).state is TurnState.PAUSED
    await server.resume(second)
    assert (await server.settled(first.id)).answer == "Both were sent."
    assert shared.tools.runs == [(call.tool, call.arguments) for call in CALLS]
