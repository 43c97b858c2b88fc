"""What clients let be remembered, and forgotten again."""

from somagent.memory.v1 import memory_pb2
from tests.crash.acting.actor import Actor
from tests.crash.evidence import Remembered
from tests.crash.script import CANARY


async def remembered(actor: Actor) -> None:
    """A text that is kept."""
    await _kept(actor)


async def forgotten(actor: Actor) -> None:
    """A text that is kept, and forgotten."""
    kept = await _kept(actor)
    request = memory_pb2.ForgetRequest(name=kept.name, request_id=actor.caller.request_id())
    kept.forgetting = True
    await actor.caller.ask(request, memory_pb2.ForgetResponse)
    kept.forgotten = True


async def _kept(actor: Actor) -> Remembered:
    caller, request_id = actor.caller, actor.caller.request_id()
    request = memory_pb2.RememberRequest(
        parent=caller.parent, text=f"{CANARY} keeps {request_id}", request_id=request_id
    )
    answer = await caller.ask(request, memory_pb2.RememberResponse)
    kept = Remembered(tenant=caller.witness.slug, ident=request_id, name=answer.recollection.name)
    caller.evidence.remembered.append(kept)
    return kept
