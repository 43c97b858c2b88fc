"""Turns that cannot be read: none keeps the others of its batch from those who look for them."""

from collections.abc import Sequence

import pytest

from application.conversation.ports.leases import Unread
from application.conversation.ports.reading import UnreadableError
from domain.conversation.errors import TurnNotFoundError
from domain.conversation.turn import Turn, TurnState
from domain.kernel.identifiers import SessionId, TurnId
from tests.contract.commands import tokens
from tests.contract.scene import Scene


async def elsewhere(scene: Scene) -> Scene:
    """Another session of the tenant."""
    own = scene.ask.in_session(SessionId(scene.ask.identifiers.next()))
    await scene.kernel.administrator.open_session(own.session())
    return Scene(scene.kernel, own)


async def promoted(scene: Scene) -> TurnId:
    """A turn that the other server accepted, and that was promoted for it."""
    first = await scene.running()
    waiting = scene.ask.accept()
    await scene.kernel.other.journal.accept(waiting)
    await scene.kernel.one.journal.finish(scene.ask.finish(first))
    return waiting.turn_id


async def test_a_take_over_tells_of_each_by_itself(scene: Scene) -> None:
    bad, good = await scene.running(), await (await elsewhere(scene)).running()
    await scene.kernel.administrator.damage(scene.ask.tenant_id, bad)
    await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)

    taken = {one.turn.id: one for one in await scene.kernel.other.leases.take_over(1000)}

    assert isinstance(taken[bad].error, UnreadableError)
    assert (taken[bad].turn.fence, taken[bad].turn.session_id) == (2, scene.ask.session_id)
    assert 0 < taken[bad].seconds_left <= 300
    assert taken[good].error is None
    assert taken[good].turn.order.principal.subject


async def test_what_was_promoted_is_told_without_it(scene: Scene) -> None:
    bad, good = await promoted(scene), await promoted(await elsewhere(scene))
    await scene.kernel.administrator.damage(scene.ask.tenant_id, bad)

    found = {one.turn.id for one in await scene.kernel.other.leases.promoted(1000)}

    assert good in found
    assert bad not in found


async def test_what_was_decided_is_told_of_with_it(scene: Scene) -> None:
    other = await elsewhere(scene)
    bad, good = await scene.running(), await other.running()
    await scene.kernel.one.journal.pause(scene.ask.pause(bad))
    await scene.kernel.one.journal.pause(other.ask.pause(good))
    await scene.kernel.administrator.damage(scene.ask.tenant_id, bad)

    found = await scene.kernel.other.leases.decided(1000)

    assert good in {one.id for one in found if isinstance(one, Turn)}
    assert bad in {one.turn_id for one in found if isinstance(one, Unread)}


async def test_a_reader_says_so_and_tells_the_outline(scene: Scene) -> None:
    turn_id = await scene.running()
    sound = await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)
    await scene.kernel.administrator.damage(scene.ask.tenant_id, turn_id)

    with pytest.raises(UnreadableError):
        await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)
    outline = await scene.kernel.reader.outline(scene.ask.tenant_id, turn_id)

    assert (outline.state, outline.fence) == (TurnState.RUNNING, 1)
    assert (outline.session_id, outline.capsule_version_id, outline.order.text) == (
        sound.session_id, sound.capsule_version_id, sound.order.text,
    )  # fmt: skip
    assert outline.order.principal.subject == scene.ask.session().subject
    with pytest.raises(TurnNotFoundError):
        await scene.kernel.reader.outline(scene.ask.tenant_id, TurnId(scene.ask.identifiers.next()))


async def test_one_is_listed_in_outline_among_its_neighbours(scene: Scene) -> None:
    oldest, bad, newest = [await scene.running() for _ in range(3)]
    await scene.kernel.administrator.damage(scene.ask.tenant_id, bad)
    outline = await scene.kernel.reader.outline(scene.ask.tenant_id, bad)

    async def listed(after: TurnId | None, limit: int) -> Sequence[Turn]:
        return await scene.kernel.reader.turns(
            scene.ask.tenant_id, scene.ask.session_id, after, limit
        )

    assert [turn.id for turn in await listed(None, 10)] == [newest, bad, oldest]
    assert list(await listed(newest, 1)) == [outline]
    assert [turn.id for turn in await listed(bad, 1)] == [oldest]


async def test_how_one_has_ended_is_told_with_its_outline(scene: Scene) -> None:
    turn_id = await scene.running()
    await scene.kernel.one.journal.finish(scene.ask.finish(turn_id))
    sound = await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)
    await scene.kernel.administrator.damage(scene.ask.tenant_id, turn_id)

    outline = await scene.kernel.reader.outline(scene.ask.tenant_id, turn_id)

    assert outline.answer == sound.answer != ""
    assert (outline.state, outline.usage, outline.failure, outline.record_id) == (
        sound.state, sound.usage, sound.failure, sound.record_id,
    )  # fmt: skip


async def test_what_one_has_settled_is_told_with_its_outline(scene: Scene) -> None:
    turn_id = await scene.running()
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, tokens(40)))
    sound = await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)
    await scene.kernel.administrator.damage(scene.ask.tenant_id, turn_id)

    outline = await scene.kernel.reader.outline(scene.ask.tenant_id, turn_id)

    assert outline.usage == sound.usage
    assert outline.usage.tokens > 0


async def test_a_checkpoint_that_cannot_be_read_is_told_as_such(scene: Scene) -> None:
    turn_id = await scene.running()
    await scene.kernel.one.journal.pause(scene.ask.pause(turn_id))
    await scene.kernel.administrator.damage_checkpoint(scene.ask.tenant_id, turn_id)

    with pytest.raises(UnreadableError):
        await scene.kernel.reader.checkpoint(scene.ask.tenant_id, turn_id)
    turn = await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)
    assert turn.state is TurnState.PAUSED
