"""Calls by themselves that a person was asked about, as tests leave them."""

from application.tools.call_terms import CallTerms
from domain.capsule.knob import ToolApproval
from domain.kernel.identifiers import CapsuleVersionId
from domain.kernel.principal import Principal
from domain.tools.events import ApprovalDecided
from domain.tools.invocation import APPROVAL_TIME, Invocation, InvocationState
from tests.builders import CAPSULE_VERSION, TENANT
from tests.inmemory_application import LEASE, REQUEST, Server
from tests.inmemory_world import World
from tests.unit.application.tools.calls import command, shown

DAY = APPROVAL_TIME.total_seconds()


async def waiting(
    server: Server,
    request_id: str = REQUEST,
    version: CapsuleVersionId | None = CAPSULE_VERSION,
    *,
    asked_by: Principal | None = None,
) -> Invocation:
    asked = command(
        terms=CallTerms(capsule="greeter", version=version, approval=ToolApproval.ALL),
        request_id=request_id,
        asked_by=asked_by,
    )
    (*_, last) = await shown(server, asked)
    return last.invocation


async def approved_and_left(
    server: Server,
    request_id: str = REQUEST,
    version: CapsuleVersionId | None = CAPSULE_VERSION,
    *,
    asked_by: Principal | None = None,
) -> Invocation:
    """A call that was approved at a server which was lost before it started it."""
    call = await waiting(server, request_id, version, asked_by=asked_by)
    shared = server.world
    facts = server.tend_approvals.facts
    decided, _ = await shared.effects.decide(
        TENANT,
        call.id,
        approved=True,
        by="grace",
        events=[facts.decided(call, InvocationState.PERMITTED, "grace")],
        expired=facts.decided(call, InvocationState.EXPIRED),
    )
    shared.clock.advance(LEASE + 1)
    return decided


async def ended(server: Server, call: Invocation) -> Invocation:
    """The call when it does not run here any more."""
    if task := server.running_calls.find(call.id):
        await task
    return await server.world.invocations.invocation(TENANT, call.id)


def decisions(shared: World) -> list[tuple[InvocationState, str]]:
    facts = [one.event for one in shared.store.outbox[TENANT, TENANT]]
    return [(one.state, one.decider) for one in facts if isinstance(one, ApprovalDecided)]
