"""A decision about a call and the end of its turn, at once: one of them is published."""

from asyncio import gather
from dataclasses import replace

import pytest

from application.conversation.ports.journal import FinishTurn
from domain.conversation.turn import TurnState
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import EventId, TurnId
from domain.tools.errors import InvocationAlreadyDecidedError
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.scene import Scene


async def paused(scene: Scene, calls: int = 1) -> tuple[TurnId, list[Invocation]]:
    """A turn that waits for a person, and the calls that it waits for."""
    turn_id = await scene.running()
    waiting = [scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL) for _ in range(calls)]
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=waiting))
    return turn_id, waiting


async def cancellation(scene: Scene, turn_id: TurnId, calls: list[Invocation]) -> FinishTurn:
    """The end of a turn, by whoever has read that these calls wait."""
    now = await scene.kernel.clock.now()
    return replace(
        scene.ask.finish(turn_id, state=TurnState.CANCELLED),
        made=tuple(one.give_up("TURN_CANCELLED", now) for one in calls),
        undecided=tuple((one.id, scene.ask.fact()) for one in calls),
    )


async def decide(scene: Scene, call: Invocation, event: DomainEvent, *, approved: bool) -> None:
    await scene.kernel.effects.decide(
        scene.ask.tenant_id,
        call.id,
        approved=approved,
        by="eve",
        events=[event],
        expired=scene.ask.fact(),
    )


async def told(scene: Scene) -> list[object]:
    return list((await scene.snapshot()).outgoing[scene.ask.session_id])


def told_of(command: FinishTurn) -> list[EventId]:
    """All that may be published with an end."""
    return [*(event.id for _, event in command.undecided), *(one.id for one in command.outgoing)]


async def state(scene: Scene, call: Invocation) -> InvocationState:
    return (await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)).state


async def test_a_call_that_waits_when_its_turn_ends_expires_and_that_is_published_once(
    scene: Scene,
) -> None:
    turn_id, calls = await paused(scene)
    before, command = await told(scene), await cancellation(scene, turn_id, calls)

    for _ in range(2):
        await scene.kernel.one.journal.finish(command)

    assert await told(scene) == [*before, *told_of(command)]
    assert await state(scene, calls[0]) is InvocationState.EXPIRED


@pytest.mark.parametrize(
    ("approved", "kept"), [(True, InvocationState.DENIED), (False, InvocationState.REJECTED)]
)
async def test_a_decision_that_comes_before_the_end_is_the_only_one_that_is_published(
    scene: Scene, *, approved: bool, kept: InvocationState
) -> None:
    turn_id, calls = await paused(scene)
    before, command = await told(scene), await cancellation(scene, turn_id, calls)
    decision = scene.ask.fact()

    await decide(scene, calls[0], decision, approved=approved)
    await scene.kernel.one.journal.finish(command)

    assert await told(scene) == [*before, decision.id, *(one.id for one in command.outgoing)]
    assert await state(scene, calls[0]) is kept


async def test_of_several_calls_those_that_nobody_decided_about_are_published(
    scene: Scene,
) -> None:
    turn_id, calls = await paused(scene, 3)
    before, command = await told(scene), await cancellation(scene, turn_id, calls)
    decision = scene.ask.fact()

    await decide(scene, calls[1], decision, approved=True)
    await scene.kernel.one.journal.finish(command)

    first, _, last, *rest = told_of(command)
    assert await told(scene) == [*before, decision.id, first, last, *rest]


async def test_an_end_that_publishes_nothing_else_publishes_no_decision_twice(
    scene: Scene,
) -> None:
    turn_id, calls = await paused(scene)
    command = replace(await cancellation(scene, turn_id, calls), outgoing=())
    decision = scene.ask.fact()
    await decide(scene, calls[0], decision, approved=True)
    before = await told(scene)

    await scene.kernel.one.journal.finish(command)

    assert await told(scene) == before
    assert await state(scene, calls[0]) is InvocationState.DENIED


async def test_a_decision_and_an_end_at_the_same_moment_publish_one_of_them(scene: Scene) -> None:
    turn_id, calls = await paused(scene)
    command, decision = await cancellation(scene, turn_id, calls), scene.ask.fact()

    decided, _ = await gather(
        decide(scene, calls[0], decision, approved=True),
        scene.kernel.one.journal.finish(command),
        return_exceptions=True,
    )

    ((_, given_up),) = command.undecided
    published = [one for one in await told(scene) if one in (decision.id, given_up.id)]
    late = isinstance(decided, InvocationAlreadyDecidedError)
    assert published == [given_up.id if late else decision.id]
    kept = InvocationState.EXPIRED if late else InvocationState.DENIED
    assert await state(scene, calls[0]) is kept
