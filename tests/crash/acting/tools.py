"""Tools that clients call by themselves, and what persons decide about calls."""

from dataclasses import replace

from somagent.tools.v1 import tools_pb2
from tests.crash.acting.actor import ASKING, Actor
from tests.crash.acting.offers import brought, withdraw
from tests.crash.evidence import Called
from tests.crash.script import CANARY, NOTE, deed_of
from tests.crash.tool_server import CUT, FIRE, POST, SLOW, STAMP


async def executed(actor: Actor) -> None:
    """A tool that is called by itself."""
    request_id = actor.caller.request_id()
    tool = actor.caller.chance.choice((NOTE, STAMP, POST, FIRE))
    await _executed(actor, tool, request_id, deed_of(request_id, 1))


async def executed_slowly(actor: Actor) -> None:
    """A tool that is called by itself and takes longer than a lease."""
    await _slowly(actor, actor.caller.chance.choice((STAMP, POST, FIRE)))


async def posted_slowly(actor: Actor) -> None:
    """The same of a tool that can be asked what became of its call."""
    await _slowly(actor, POST)


async def _slowly(actor: Actor, tool: str) -> None:
    request_id = actor.caller.request_id()
    await _executed(actor, tool, request_id, f"{CANARY} {SLOW} {request_id} 1")


async def resolved(actor: Actor) -> None:
    """A call whose answer is lost, until a person says what had become of it."""
    request_id = actor.caller.request_id()
    text = f"{CANARY} {CUT} {request_id} 1"
    ended = await _executed(actor, FIRE, request_id, text)
    if ended.state == tools_pb2.INVOCATION_STATE_UNKNOWN:
        happened = actor.caller.evidence.tools.effects[FIRE][text] > 0
        request = tools_pb2.ResolveInvocationRequest(
            name=ended.name,
            outcome=(
                tools_pb2.INVOCATION_OUTCOME_SUCCEEDED
                if happened
                else tools_pb2.INVOCATION_OUTCOME_FAILED
            ),
            note="looked it up",
            request_id=actor.caller.request_id(),
        )
        await actor.caller.ask(request, tools_pb2.ResolveInvocationResponse)


async def _executed(actor: Actor, tool: str, request_id: str, text: str) -> tools_pb2.Invocation:
    """Call a tool by itself, and keep what was told of the call."""
    slug, parent = actor.caller.witness.slug, actor.caller.parent
    told = Called(tenant=slug, request_id=request_id, ident=request_id)
    request = tools_pb2.ExecuteToolRequest(
        parent=parent, tool=tool, arguments=f'{{"text": "{text}"}}', request_id=request_id
    )
    try:
        ended = await actor.caller.execute(request)
        state = tools_pb2.InvocationState.Name(ended.state)
        told = replace(told, invocation=ended.name, state=state.removeprefix("INVOCATION_STATE_"))
        return ended
    finally:
        actor.caller.evidence.called.append(told)


async def sanctioned(actor: Actor) -> None:
    """A tool that is called by itself and waits for a person, who says yes."""
    name = await _waiting(actor, f"{actor.caller.parent}/capsules/{ASKING}")
    await decided(actor, name, approves=True)


async def overtaken(actor: Actor) -> None:
    """The same, where the capsule is withdrawn before that person says yes."""
    told = await brought(actor, autonomy=3, tools=NOTE)
    name = await _waiting(actor, told.capsule, withdrawn=True)
    await withdraw(actor, told)
    await decided(actor, name, approves=True)


async def forsaken(actor: Actor) -> None:
    """A tool that is called by itself and waits for a person, who never comes."""
    name = await _waiting(actor, f"{actor.caller.parent}/capsules/{ASKING}")
    actor.caller.evidence.forsaken.add(name)


async def _waiting(actor: Actor, capsule: str, *, withdrawn: bool = False) -> str:
    """Call a tool by itself under a capsule that asks a person; the name of the call."""
    caller, request_id = actor.caller, actor.caller.request_id()
    request = tools_pb2.ExecuteToolRequest(
        parent=caller.parent,
        tool=NOTE,
        arguments=f'{{"text": "{deed_of(request_id, 1)}"}}',
        capsule=capsule,
        request_id=request_id,
    )
    caller.evidence.called.append(
        Called(
            tenant=caller.witness.slug,
            request_id=request_id,
            ident=request_id,
            asks=True,
            withdrawn=withdrawn,
        )
    )
    return await caller.accepted(request)


async def decided(actor: Actor, name: str, *, approves: bool) -> None:
    request_id = actor.caller.request_id()
    if approves:
        yes = tools_pb2.ApproveInvocationRequest(name=name, request_id=request_id)
        await actor.caller.ask(yes, tools_pb2.ApproveInvocationResponse)
    else:
        no = tools_pb2.RejectInvocationRequest(name=name, request_id=request_id)
        await actor.caller.ask(no, tools_pb2.RejectInvocationResponse)
