"""Reads of sessions and turns: what a turn begins with, and what is shown of it."""

from asyncio import gather
from collections.abc import Mapping

import pytest

from domain.conversation.errors import SessionNotFoundError, TurnNotFoundError
from domain.conversation.message import Message, Role
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import SessionId, TurnId
from domain.kernel.metering import Metric
from tests.contract.commands import Commands, shown, tokens
from tests.contract.scene import Scene

QUESTION = Message(Role.USER, "Hello")
ANSWER = Message(Role.ASSISTANT, "Good day")


class TestOpening:
    async def test_is_the_session_and_nothing_said(self, scene: Scene) -> None:
        opening = await scene.kernel.reader.opening(scene.ask.tenant_id, scene.ask.session_id, 10)

        assert opening.session == scene.ask.session()
        assert opening.history == ()

    async def test_has_the_messages_of_turns_that_ended(self, scene: Scene) -> None:
        ended = await scene.running()
        await scene.kernel.one.journal.accept(scene.ask.accept(text="waits"))
        await scene.kernel.one.journal.finish(scene.ask.finish(ended))
        await scene.kernel.one.journal.accept(scene.ask.accept(text="waits behind"))

        opening = await scene.kernel.reader.opening(scene.ask.tenant_id, scene.ask.session_id, 10)

        assert opening.history == (QUESTION, ANSWER)

    async def test_puts_an_answer_after_its_question(self, scene: Scene) -> None:
        first = await scene.running()
        second = (await scene.kernel.one.journal.accept(scene.ask.accept(text="And?"))).turn_id
        await scene.kernel.one.journal.finish(scene.ask.finish(first))
        await scene.kernel.one.journal.finish(scene.ask.finish(second))

        opening = await scene.kernel.reader.opening(scene.ask.tenant_id, scene.ask.session_id, 10)

        assert opening.history == (QUESTION, ANSWER, Message(Role.USER, "And?"), ANSWER)

    @pytest.mark.parametrize(("most", "found"), [(0, ()), (1, (ANSWER,)), (2, (QUESTION, ANSWER))])
    async def test_has_the_latest_of_so_many(
        self, scene: Scene, most: int, found: tuple[Message, ...]
    ) -> None:
        for _ in range(2):
            turn_id = await scene.running()
            await scene.kernel.one.journal.finish(scene.ask.finish(turn_id))

        opening = await scene.kernel.reader.opening(scene.ask.tenant_id, scene.ask.session_id, most)

        assert opening.history == found

    async def test_refuses_a_deleted_session(self, scene: Scene) -> None:
        await scene.kernel.administrator.delete_session(scene.ask.tenant_id, scene.ask.session_id)

        with pytest.raises(SessionNotFoundError):
            await scene.kernel.reader.opening(scene.ask.tenant_id, scene.ask.session_id, 1)

    async def test_refuses_the_session_of_another_tenant(self, scene: Scene) -> None:
        stranger = Commands.fresh(scene.ask.identifiers).tenant_id

        with pytest.raises(SessionNotFoundError):
            await scene.kernel.reader.opening(stranger, scene.ask.session_id, 1)


class TestTurns:
    async def test_are_listed_newest_first(self, scene: Scene) -> None:
        turns = [await scene.running() for _ in range(3)]

        async def listed(after: TurnId | None, limit: int) -> list[TurnId]:
            found = await scene.kernel.reader.turns(
                scene.ask.tenant_id, scene.ask.session_id, after, limit
            )
            return [turn.id for turn in found]

        assert await listed(None, 2) == [turns[2], turns[1]]
        assert await listed(turns[1], 9) == [turns[0]]

    async def test_are_of_one_session(self, scene: Scene) -> None:
        await scene.running()

        found = await scene.kernel.reader.turns(
            scene.ask.tenant_id, SessionId(scene.ask.identifiers.next()), None, 9
        )

        assert list(found) == []

    async def test_of_another_tenant_are_not_found(self, scene: Scene) -> None:
        turn_id = await scene.running()
        stranger = Commands.fresh(scene.ask.identifiers).tenant_id

        with pytest.raises(TurnNotFoundError):
            await scene.kernel.reader.turn(stranger, turn_id)
        with pytest.raises(TurnNotFoundError):
            await scene.kernel.reader.trace(stranger, turn_id)
        assert list(await scene.kernel.reader.events(stranger, turn_id, 0, 9)) == []

    async def test_have_no_trace_before_they_end(self, scene: Scene) -> None:
        turn_id = await scene.running()

        assert await scene.kernel.reader.trace(scene.ask.tenant_id, turn_id) == b""

    async def test_show_their_events_from_anywhere(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.one.journal.finish(
            scene.ask.finish(turn_id, state=TurnState.COMPLETED, events=shown(1, 2, 3, 4))
        )

        found = await scene.kernel.reader.events(scene.ask.tenant_id, turn_id, 1, 2)

        assert list(found) == list(shown(2, 3))

    async def test_say_how_far_their_events_may_have_been_shown(self, scene: Scene) -> None:
        turn_id = await scene.running()

        found = await scene.kernel.reader.ceiling(scene.ask.tenant_id, turn_id)

        assert found == (await scene.snapshot()).turns[turn_id].ceiling > 0
        with pytest.raises(TurnNotFoundError):
            await scene.kernel.reader.ceiling(
                Commands.fresh(scene.ask.identifiers).tenant_id, turn_id
            )


class TestOverrun:
    async def test_is_what_neither_the_hold_nor_the_limit_had_room_for(self, scene: Scene) -> None:
        within, beyond = await scene.running(900), await self.other(scene, 90)

        await gather(
            scene.kernel.one.journal.finish(scene.ask.finish(within, tokens(905))),
            scene.kernel.one.journal.finish(scene.ask.finish(beyond, tokens(110))),
        )

        found = [await self.overrun(scene, turn_id) for turn_id in (within, beyond)]
        # Whichever came first had what was left.
        assert found in ([{}, {Metric.TOKENS: 15}], [{Metric.TOKENS: 5}, {Metric.TOKENS: 10}])
        assert (await scene.tokens())[2] == 15

    async def test_is_of_all_settlements_of_the_turn(self, scene: Scene) -> None:
        turn_id = await scene.running(1000)
        await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, tokens(1030)))
        await scene.limit(scene.ask.account, 1040)
        grant = await scene.kernel.one.journal.resume(scene.ask.resume(turn_id, scene.ask.hold(10)))

        finish = scene.ask.finish(turn_id, tokens(17), fence=grant.fence)
        await scene.kernel.one.journal.finish(finish)

        assert await self.overrun(scene, turn_id) == {Metric.TOKENS: 37}

    async def test_is_nothing_where_everything_fitted(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, tokens(101)))

        assert await self.overrun(scene, turn_id) == {}

    async def other(self, scene: Scene, amount: int) -> TurnId:
        """A turn of another session, so that both end at once."""
        ask = scene.ask.in_session(SessionId(scene.ask.identifiers.next()))
        await scene.kernel.administrator.open_session(ask.session())
        return (await scene.kernel.one.journal.accept(ask.accept(ask.hold(amount)))).turn_id

    async def overrun(self, scene: Scene, turn_id: TurnId) -> Mapping[Metric, int]:
        return await scene.kernel.reader.overrun(scene.ask.tenant_id, turn_id)
