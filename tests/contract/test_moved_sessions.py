"""The turn journal: a turn that would run is accepted with the whole history, or not at all."""

import pytest

from domain.conversation.errors import SessionMovedError
from domain.conversation.turn import TurnState
from tests.contract.scene import Scene


async def last_event(scene: Scene) -> int:
    opening = await scene.kernel.reader.opening(scene.ask.tenant_id, scene.ask.session_id, 0)
    return opening.last_event


async def test_a_fresh_session_has_no_event(scene: Scene) -> None:
    assert await last_event(scene) == 0


@pytest.mark.parametrize("accepted_before", [False, True])
async def test_a_turn_that_was_planned_before_another_ended_is_refused_and_leaves_nothing(
    scene: Scene, *, accepted_before: bool
) -> None:
    journal = scene.kernel.one.journal
    seen = await last_event(scene)
    running = await scene.running()
    if accepted_before:
        seen = await last_event(scene)
    await journal.finish(scene.ask.finish(running))
    command = scene.ask.accept(scene.ask.hold(100), request_id="r", last_event=seen)
    before = await scene.snapshot()

    with pytest.raises(SessionMovedError):
        await journal.accept(command)

    assert await scene.snapshot() == before
    now = await last_event(scene)
    again = scene.ask.accept(scene.ask.hold(100), request_id="r", last_event=now)
    assert (await journal.accept(again)).state is TurnState.RUNNING


async def test_a_turn_that_waits_is_planned_later_and_is_not_refused(scene: Scene) -> None:
    await scene.running()

    grant = await scene.kernel.one.journal.accept(scene.ask.accept(last_event=0))

    assert grant.state is TurnState.QUEUED


async def test_a_request_that_is_known_is_told_whatever_its_session_has_come_to(
    scene: Scene,
) -> None:
    journal = scene.kernel.one.journal
    command = scene.ask.accept(request_id="r", last_event=0)
    await journal.accept(command)
    await journal.finish(scene.ask.finish(command.turn_id))

    grant = await journal.accept(scene.ask.accept(request_id="r", last_event=0))

    assert (grant.turn_id, grant.state) == (command.turn_id, TurnState.COMPLETED)
