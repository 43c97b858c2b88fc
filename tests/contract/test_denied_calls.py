"""Calls by themselves that were approved and may not start any more."""

from asyncio import gather

import pytest

from domain.tools.errors import InvocationAlreadyDecidedError, InvocationNotFoundError
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.scene import Scene
from tests.contract.waiting_calls import approve, asked, fact, told


async def test_an_approved_call_that_may_not_start_is_denied_once_and_that_is_published(
    scene: Scene,
) -> None:
    call, denied = await asked(scene), fact(scene)
    await approve(scene, call)
    before = list(await told(scene))

    for event in (denied, fact(scene)):
        read = await scene.kernel.effects.deny(call, "CAPSULE_REVOKED", event)
        assert (read.state, read.reason) == (InvocationState.DENIED, "CAPSULE_REVOKED")
        assert (read.decided_by, read.finished_at is not None) == ("eve", True)

    assert list(await told(scene)) == [*before, denied.id]
    with pytest.raises(InvocationAlreadyDecidedError):
        await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())


async def test_a_call_that_waits_or_was_started_is_not_denied(scene: Scene) -> None:
    call = await asked(scene)
    waiting = await scene.kernel.effects.deny(call, "CAPSULE_REVOKED", fact(scene))
    await approve(scene, call)
    await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())
    before = list(await told(scene))

    started = await scene.kernel.effects.deny(call, "CAPSULE_REVOKED", fact(scene))

    states = (waiting.state, started.state)
    assert states == (InvocationState.PENDING_APPROVAL, InvocationState.STARTED)
    assert list(await told(scene)) == before


async def test_a_call_is_either_started_or_denied(scene: Scene) -> None:
    call = await asked(scene)
    await approve(scene, call)
    before = list(await told(scene))

    started, denied = await gather(
        scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start()),
        scene.kernel.effects.deny(call, "CAPSULE_REVOKED", fact(scene)),
        return_exceptions=True,
    )

    read = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    assert isinstance(denied, Invocation)
    assert denied.state is read.state
    was_denied = read.state is InvocationState.DENIED
    assert isinstance(started, InvocationAlreadyDecidedError) is was_denied
    assert len(await told(scene)) == len(before) + was_denied


async def test_a_call_of_a_turn_is_not_denied_by_itself(scene: Scene) -> None:
    turn_id = await scene.running()
    call = scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL)
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(call,)))
    await approve(scene, call)

    with pytest.raises(InvocationNotFoundError):
        await scene.kernel.effects.deny(call, "CAPSULE_REVOKED", fact(scene))
