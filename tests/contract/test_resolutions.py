"""What a person finds out about a call that is UNKNOWN: written once, and published with it."""

from asyncio import gather
from dataclasses import replace

import pytest

from application.tools.ports import LostCall
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import TurnId
from domain.tools.errors import InvocationAlreadyDecidedError, InvocationNotFoundError
from domain.tools.invocation import Invocation, InvocationState, Resolution
from tests.contract.commands import outcome
from tests.contract.scene import Scene
from tests.fakes import NOON

FOUND = Resolution(
    state=InvocationState.SUCCEEDED, result="sent", note="seen in the log", by="grace", at=NOON
)


async def unknown(scene: Scene) -> Invocation:
    call = await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")
    return await scene.kernel.effects.finish(outcome(call, InvocationState.UNKNOWN, result=""))


async def resolve(scene: Scene, call: Invocation, found: Resolution = FOUND) -> Invocation:
    fact = replace(scene.ask.fact(), key=scene.ask.tenant_id)
    return await scene.kernel.effects.resolve(scene.ask.tenant_id, call.id, found, [fact])


async def published(scene: Scene) -> int:
    return len((await scene.snapshot()).outgoing.get(scene.ask.tenant_id, ()))


@pytest.mark.parametrize(
    ("state", "reason"),
    [(InvocationState.SUCCEEDED, ""), (InvocationState.FAILED, "TOOL_FAILED")],
)
async def test_an_unknown_call_is_resolved(
    scene: Scene, state: InvocationState, reason: str
) -> None:
    call = await unknown(scene)

    resolved = await resolve(scene, call, replace(FOUND, state=state))

    assert (resolved.state, resolved.result, resolved.reason) == (state, "sent", reason)
    assert (resolved.resolved_by, resolved.resolved_at, resolved.note) == (
        "grace",
        NOON,
        "seen in the log",
    )
    found = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    assert found == resolved
    assert await published(scene) == 1


async def test_the_same_resolution_again_changes_nothing(scene: Scene) -> None:
    call = await unknown(scene)
    resolved = await resolve(scene, call)

    again = await resolve(scene, call, replace(FOUND, by="eve"))

    assert again == resolved
    assert await published(scene) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(FOUND, state=InvocationState.FAILED),
        replace(FOUND, result="other"),
        replace(FOUND, note="other"),
    ],
)
async def test_another_resolution_is_refused(scene: Scene, other: Resolution) -> None:
    call = await unknown(scene)
    await resolve(scene, call)

    with pytest.raises(InvocationAlreadyDecidedError):
        await resolve(scene, call, other)

    assert await published(scene) == 1


async def test_a_call_whose_outcome_is_known_is_not_resolved(scene: Scene) -> None:
    call = await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")
    await scene.kernel.effects.finish(outcome(call, result="sent"))

    with pytest.raises(InvocationAlreadyDecidedError):
        await resolve(scene, call)


async def test_a_call_that_runs_is_not_resolved(scene: Scene) -> None:
    call = await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")

    with pytest.raises(InvocationAlreadyDecidedError):
        await resolve(scene, call)


async def test_a_call_of_a_turn_is_resolved_under_its_session(scene: Scene) -> None:
    turn_id: TurnId = await scene.running()
    call = scene.ask.call(turn_id)
    await scene.kernel.one.journal.extend(scene.ask.extend(turn_id, started=(call,)))
    await scene.kernel.effects.finish(outcome(call, InvocationState.UNKNOWN, fence=1, result=""))
    before = (await scene.snapshot()).outgoing[scene.ask.session_id]

    events = [scene.ask.fact(), replace(scene.ask.fact(), key=scene.ask.tenant_id)]
    await scene.kernel.effects.resolve(scene.ask.tenant_id, call.id, FOUND, events)

    outgoing = (await scene.snapshot()).outgoing
    assert outgoing[scene.ask.session_id] == (*before, events[0].id)
    assert outgoing[scene.ask.tenant_id] == (events[1].id,)


async def test_the_calls_that_wait_for_a_person_to_find_out_are_listed(scene: Scene) -> None:
    call = await unknown(scene)
    await scene.kernel.effects.begin(scene.ask.call(None), "other", b"content")

    found = await scene.kernel.invocations.invocations(
        scene.ask.tenant_id, state=InvocationState.UNKNOWN, after=None, limit=9
    )

    assert [one.id for one in found] == [call.id]


async def test_a_call_of_another_tenant_is_not_found(scene: Scene) -> None:
    call = await unknown(scene)
    stranger = type(scene.ask).fresh(scene.ask.identifiers).tenant_id

    with pytest.raises(InvocationNotFoundError):
        await scene.kernel.effects.resolve(stranger, call.id, FOUND, [])


@pytest.mark.parametrize("field", ["result", "note", "by"])
async def test_a_text_that_cannot_be_kept_is_refused(scene: Scene, field: str) -> None:
    call = await unknown(scene)
    changes = {field: "a\0b"}
    found = Resolution(
        state=FOUND.state,
        result=changes.get("result", ""),
        note=changes.get("note", ""),
        by=changes.get("by", "grace"),
        at=NOON,
    )

    with pytest.raises(InvalidArgumentError):
        await resolve(scene, call, found)


async def taken_over(scene: Scene, call: Invocation) -> LostCall:
    """A call as the sweep of another server has it."""
    await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
    lost = await scene.kernel.effects.take_over(1000)
    (mine,) = [one for one in lost if one.invocation.id == call.id]
    return mine


async def test_a_call_that_a_sweep_has_taken_over_is_not_resolved(scene: Scene) -> None:
    call = await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")
    lost = await taken_over(scene, call)

    with pytest.raises(InvocationAlreadyDecidedError):
        await resolve(scene, call)

    assert await published(scene) == 0
    end = outcome(call, InvocationState.UNKNOWN, fence=lost.fence, result="")
    assert (await scene.kernel.effects.finish(end)).state is InvocationState.UNKNOWN


async def test_what_a_person_found_stands_against_servers_that_come_late(scene: Scene) -> None:
    call = await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")
    lost = await taken_over(scene, call)
    await scene.kernel.effects.finish(
        outcome(call, InvocationState.UNKNOWN, fence=lost.fence, result="")
    )
    resolved = await resolve(scene, call)

    with pytest.raises(StaleFenceError):
        await scene.kernel.effects.finish(outcome(call, InvocationState.FAILED, fence=0))
    for state in (InvocationState.FAILED, InvocationState.UNKNOWN):
        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.finish(outcome(call, state, fence=lost.fence))
    await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
    found = await scene.kernel.effects.take_over(1000)

    assert call.id not in {one.invocation.id for one in found}
    read = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    assert read == resolved


async def test_a_person_and_the_sweep_at_once_come_to_one_end(scene: Scene) -> None:
    call = await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")
    lost = await taken_over(scene, call)
    end = outcome(call, InvocationState.UNKNOWN, fence=lost.fence, result="")

    resolved, ended = await gather(
        resolve(scene, call), scene.kernel.effects.finish(end), return_exceptions=True
    )

    assert isinstance(ended, Invocation)
    too_early = isinstance(resolved, InvocationAlreadyDecidedError)
    read = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    kept = InvocationState.UNKNOWN if too_early else InvocationState.SUCCEEDED
    assert read.state is kept
    assert await published(scene) == (0 if too_early else 1)


async def test_of_two_persons_at_once_one_is_heard(scene: Scene) -> None:
    call = await unknown(scene)
    other = replace(FOUND, state=InvocationState.FAILED, by="eve")

    answers = await gather(
        resolve(scene, call), resolve(scene, call, other), return_exceptions=True
    )

    (heard,) = [one for one in answers if isinstance(one, Invocation)]
    (refused,) = [one for one in answers if not isinstance(one, Invocation)]
    assert isinstance(refused, InvocationAlreadyDecidedError)
    read = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
    assert (read.state, read.resolved_by) == (heard.state, heard.resolved_by)
    assert await published(scene) == 1
