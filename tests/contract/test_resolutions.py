"""What a person finds out about a call that is UNKNOWN: written once, and published with it."""

from dataclasses import replace

import pytest

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
