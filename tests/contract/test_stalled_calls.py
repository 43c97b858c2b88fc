"""Calls by themselves that waited for a person, and that everybody has left."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.conversation.turn import TurnState
from domain.tools.errors import (
    ApprovalExpiredError,
    InvocationAlreadyDecidedError,
)
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.commands import Commands
from tests.contract.scene import Scene
from tests.contract.waiting_calls import LONG_AGO, approve, asked, fact, told


async def stalled(scene: Scene) -> Sequence[Invocation]:
    found = await scene.kernel.effects.stalled(1000)
    return [one for one in found if one.tenant_id == scene.ask.tenant_id]


async def test_a_call_that_still_waits_is_not_stalled(scene: Scene) -> None:
    await asked(scene)

    assert await stalled(scene) == []


async def test_a_call_that_nobody_decided_in_time_is(scene: Scene) -> None:
    call = await asked(scene, overdue=True)

    (found,) = await stalled(scene)

    assert (found.id, found.state) == (call.id, InvocationState.PENDING_APPROVAL)


async def test_a_call_of_a_turn_is_left_to_its_turn(scene: Scene) -> None:
    turn_id = await scene.running()
    call = replace(scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL), expires_at=LONG_AGO)
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(call,)))

    assert await stalled(scene) == []
    assert not await scene.kernel.effects.expire(call, fact(scene))


async def test_it_expires_once_and_that_is_published(scene: Scene) -> None:
    call, expired = await asked(scene, overdue=True), fact(scene)

    done = await scene.kernel.effects.expire(call, expired)
    again = await scene.kernel.effects.expire(call, fact(scene))

    assert (done, again) == (True, False)
    assert list(await told(scene)) == [expired.id]
    read = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    assert read.state is InvocationState.EXPIRED
    assert read.finished_at is not None
    assert await stalled(scene) == []


async def test_a_call_that_still_waits_does_not_expire(scene: Scene) -> None:
    call = await asked(scene)

    assert not await scene.kernel.effects.expire(call, fact(scene))
    assert list(await told(scene)) == []


async def test_a_decision_that_comes_too_late_publishes_that_it_did(scene: Scene) -> None:
    call, expired = await asked(scene, overdue=True), fact(scene)

    for event in (expired, fact(scene)):
        with pytest.raises(InvocationAlreadyDecidedError):
            await approve(scene, call, event)

    assert list(await told(scene)) == [expired.id]
    assert not await scene.kernel.effects.expire(call, fact(scene))


async def test_an_approved_call_is_stalled_when_nobody_has_started_it_for_a_lease(
    scene: Scene,
) -> None:
    call = await asked(scene)
    await approve(scene, call)

    before = await stalled(scene)
    await scene.kernel.administrator.age_approvals(scene.ask.tenant_id)
    after = await stalled(scene)

    assert before == []
    assert [(one.id, one.state) for one in after] == [(call.id, InvocationState.PERMITTED)]


async def test_one_that_was_started_is_stalled_no_more(scene: Scene) -> None:
    call = await asked(scene)
    await approve(scene, call)
    await scene.kernel.administrator.age_approvals(scene.ask.tenant_id)

    await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())

    assert await stalled(scene) == []


async def test_one_that_was_approved_does_not_start_after_its_time_and_is_denied_once(
    scene: Scene,
) -> None:
    call, denied = await asked(scene), fact(scene)
    await approve(scene, call)
    await scene.kernel.administrator.age_approvals(scene.ask.tenant_id)
    (approved,) = await stalled(scene)
    assert not await scene.kernel.effects.expire(approved, fact(scene))
    await scene.kernel.administrator.expire_approvals(scene.ask.tenant_id)
    before = list(await told(scene))

    with pytest.raises(ApprovalExpiredError):
        await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())
    # Whoever saw it wait must not tell that nobody decided.
    assert not await scene.kernel.effects.expire(call, fact(scene))
    done = await scene.kernel.effects.expire(approved, denied)
    again = await scene.kernel.effects.expire(approved, fact(scene))

    assert (done, again) == (True, False)
    assert list(await told(scene)) == [*before, denied.id]
    read = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    assert (read.state, read.reason) == (InvocationState.DENIED, "APPROVAL_EXPIRED")
    assert (read.decided_by, read.finished_at is not None) == ("eve", True)
    with pytest.raises(InvocationAlreadyDecidedError):
        await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())


async def test_of_many_stalled_calls_each_tenant_has_one_before_any_has_two(
    scene: Scene,
) -> None:
    other = Scene(scene.kernel, Commands.fresh(scene.ask.identifiers))
    await scene.kernel.administrator.open_tenant(other.ask.tenant_id)
    for one in (scene, scene, scene, other):
        await asked(one, overdue=True)

    tenants = (scene.ask.tenant_id, other.ask.tenant_id)
    found = [
        one.tenant_id
        for one in await scene.kernel.effects.stalled(1000)
        if one.tenant_id in tenants
    ]

    assert set(found[:2]) == set(tenants)
    assert found[2:] == [scene.ask.tenant_id] * 2


async def test_no_more_stalled_calls_are_found_than_were_asked_for(scene: Scene) -> None:
    for _ in range(3):
        await asked(scene, overdue=True)

    assert len(await scene.kernel.effects.stalled(2)) == 2


async def test_a_turn_that_goes_on_publishes_which_calls_nobody_decided(scene: Scene) -> None:
    turn_id = await scene.running()
    call = replace(scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL), expires_at=LONG_AGO)
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(call,)))
    undecided = scene.ask.fact()
    command = replace(scene.ask.resume(turn_id), undecided=((call.id, undecided),))
    before = (await scene.snapshot()).outgoing[scene.ask.session_id]

    for _ in range(2):
        await scene.kernel.one.journal.resume(command)

    after = (await scene.snapshot()).outgoing[scene.ask.session_id]
    assert after == (*before, command.event.id, undecided.id)
    (row,) = (await scene.snapshot()).invocations.values()
    assert row.state is InvocationState.EXPIRED


async def test_a_call_that_expired_before_its_turn_goes_on_is_not_published_again(
    scene: Scene,
) -> None:
    turn_id = await scene.running()
    calls = [
        replace(scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL), expires_at=LONG_AGO)
        for _ in range(2)
    ]
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=tuple(calls)))
    late, first, second = (scene.ask.fact() for _ in range(3))
    with pytest.raises(InvocationAlreadyDecidedError):
        await approve(scene, calls[0], late)
    command = replace(
        scene.ask.resume(turn_id),
        undecided=((calls[0].id, first), (calls[1].id, second)),
    )

    await scene.kernel.one.journal.resume(command)

    told = (await scene.snapshot()).outgoing[scene.ask.session_id]
    assert told[-3:] == (late.id, command.event.id, second.id)


async def test_a_call_that_was_approved_before_its_turn_ends_keeps_its_decider(
    scene: Scene,
) -> None:
    turn_id = await scene.running()
    until = await scene.kernel.clock.now() + timedelta(hours=1)
    call = replace(scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL), expires_at=until)
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(call,)))
    await approve(scene, call)

    given_up = call.give_up("TURN_CANCELLED", until)
    command = scene.ask.finish(turn_id, state=TurnState.CANCELLED)
    await scene.kernel.one.journal.finish(replace(command, made=(given_up,)))

    read = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    assert (read.state, read.decided_by) == (InvocationState.DENIED, "eve")
    assert (read.reason, read.decided_at is not None) == ("TURN_CANCELLED", True)
