"""What a tenant's developers bring in: capsules, and models to choose from."""

from somagent.capability.v1 import capability_pb2
from somagent.capsule.v1 import capsule_pb2
from tests.crash.acting.actor import Actor
from tests.crash.evidence import Published
from tests.system.installation import CAPSULE, signed

VERSIONS = ("1.0.0", "1.1.0")


async def published(actor: Actor) -> None:
    """A capsule of two versions: the second takes the first one's place."""
    await brought(actor)


async def withdrawn(actor: Actor) -> None:
    """A capsule whose active version is revoked for good."""
    await withdraw(actor, await brought(actor))


async def withdraw(actor: Actor, told: Published) -> None:
    """Revoke the version of a capsule that was activated last."""
    told.revoking = told.activated[-1]
    request = capsule_pb2.RevokeCapsuleRequest(
        name=told.revoking, request_id=actor.caller.request_id()
    )
    await actor.caller.ask(request, capsule_pb2.RevokeCapsuleResponse)
    told.revoked = told.revoking


async def brought(actor: Actor, *, autonomy: int = 5, tools: str = "") -> Published:
    """Create a capsule's versions and activate each."""
    caller = actor.caller
    name = f"agent-{caller.request_id()}"
    told = Published(tenant=caller.witness.slug, capsule=f"{caller.parent}/capsules/{name}")
    caller.evidence.published.append(told)
    for version in VERSIONS:
        written = CAPSULE.format(
            name=name,
            version=version,
            autonomy=autonomy,
            intelligence=3,
            tools=tools,
            models="main",
            on_interruption="fail",
        )
        create = capsule_pb2.CreateCapsuleRequest(
            parent=caller.parent,
            manifest=await signed(caller.evidence.author_key, written),
            request_id=caller.request_id(),
        )
        made = (await caller.ask(create, capsule_pb2.CreateCapsuleResponse)).capsule
        told.created.append(made.name)
        activate = capsule_pb2.ActivateCapsuleRequest(
            name=made.name, request_id=caller.request_id()
        )
        told.activating.append(made.name)
        await caller.ask(activate, capsule_pb2.ActivateCapsuleResponse)
        told.activated.append(made.name)
    return told


async def registered(actor: Actor) -> None:
    """A model that the tenant may not choose yet."""
    caller, request_id = actor.caller, actor.caller.request_id()
    request = capability_pb2.RegisterCapabilityRequest(
        parent=caller.parent,
        capability_id=request_id,
        capability=capability_pb2.Capability(
            modality=capability_pb2.MODALITY_TEXT,
            provider="main",
            model="scripted",
            model_tier=capability_pb2.TIER_BUDGET,
            cost_tier=capability_pb2.TIER_BUDGET,
            context_window_tokens=8192,
            tool_calling=capability_pb2.TOOL_CALLING_NATIVE,
        ),
        request_id=request_id,
    )
    answer = await caller.ask(request, capability_pb2.RegisterCapabilityResponse)
    caller.evidence.registered.append(answer.capability.name)
