"""The turn journal: turns that wait for people, and go on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import StaleFenceError
from domain.conversation.session import SessionQueue
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import TurnId
from domain.tools.invocation import InvocationState
from tests.contract.commands import CHECKPOINT, Commands, shown, tokens
from tests.contract.scene import Scene


class TestPauseAndResume:
    async def paused(self, scene: Scene) -> tuple[TurnId, Commands]:
        turn_id = await scene.running(100)
        call = scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL)
        await scene.kernel.one.journal.pause(
            scene.ask.pause(turn_id, tokens(30), events=shown(1, 2), waiting=(call,))
        )
        return turn_id, scene.ask

    async def decide(self, scene: Scene, turn_id: TurnId) -> bool:
        (call,) = await scene.kernel.reader.invocations(scene.ask.tenant_id, turn_id)
        _, ready = await scene.kernel.effects.decide(
            scene.ask.tenant_id,
            call.id,
            approved=True,
            by="eve",
            events=[scene.ask.fact()],
            expired=scene.ask.fact(),
        )
        return ready

    async def test_a_pause_settles_and_keeps_the_sessions_place(self, scene: Scene) -> None:
        turn_id, _ = await self.paused(scene)

        assert await scene.tokens() == (30, 0, 0)
        assert await scene.queue() == SessionQueue(turn_id)
        row = (await scene.snapshot()).turns[turn_id]
        assert (row.state, row.leased, row.holds) == (TurnState.PAUSED, False, {})
        kept = await scene.kernel.reader.checkpoint(scene.ask.tenant_id, turn_id)
        assert kept == CHECKPOINT

    async def test_a_pause_asked_again_changes_nothing(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        command = scene.ask.pause(turn_id, tokens(30), events=shown(1))
        await scene.kernel.one.journal.pause(command)
        before = await scene.snapshot()

        await scene.kernel.one.journal.pause(command)

        assert await scene.snapshot() == before

    @pytest.mark.parametrize("fence", [0, 2])
    async def test_a_pause_under_a_wrong_fence_changes_nothing(
        self, scene: Scene, fence: int
    ) -> None:
        turn_id = await scene.running(100)
        before = await scene.snapshot()
        command = scene.ask.pause(turn_id, tokens(30), fence=fence, events=shown(1))

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.pause(command)

        assert await scene.snapshot() == before

    async def test_a_driver_whose_turn_was_taken_does_not_pause_it(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        await scene.kernel.other.leases.take_over(1000)
        before = await scene.snapshot()

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, tokens(30)))

        assert await scene.snapshot() == before

    async def test_resumes_when_everybody_has_decided(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)

        assert await self.decide(scene, turn_id)
        grant = await scene.kernel.other.journal.resume(ask.resume(turn_id, ask.hold(70)))

        assert (grant.state, grant.fence, grant.first_sequence) == (TurnState.RUNNING, 2, 3)
        assert grant.ceiling >= 1000
        assert await scene.tokens() == (30, 70, 0)
        row = (await scene.snapshot()).turns[turn_id]
        assert (row.owner, row.leased) == (scene.kernel.other.id, True)

    async def test_a_resumption_gives_the_turn_its_time_anew(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)
        await self.decide(scene, turn_id)
        before = (await scene.kernel.reader.turn(ask.tenant_id, turn_id)).deadline_at
        command = ask.resume(turn_id)
        longer = replace(command, seconds=command.seconds + 3600)

        await scene.kernel.one.journal.resume(longer)

        after = (await scene.kernel.reader.turn(ask.tenant_id, turn_id)).deadline_at
        assert after - before >= timedelta(hours=1)

    async def test_does_not_resume_while_a_call_waits(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.resume(ask.resume(turn_id))

    async def test_an_overdue_call_expires_with_the_resumption(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        call = replace(
            scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL),
            expires_at=datetime(2020, 1, 1, tzinfo=UTC),
        )
        await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(call,)))

        await scene.kernel.one.journal.resume(scene.ask.resume(turn_id))

        (row,) = (await scene.snapshot()).invocations.values()
        assert row.state is InvocationState.EXPIRED

    async def test_a_resumption_asked_again_is_answered_as_before(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)
        await self.decide(scene, turn_id)
        command = ask.resume(turn_id, ask.hold(70))
        await scene.kernel.one.journal.resume(command)
        before = await scene.snapshot()

        grant = await scene.kernel.one.journal.resume(command)

        assert (grant.turn_id, grant.fence, grant.earlier) == (turn_id, 2, True)
        assert await scene.snapshot() == before

    @pytest.mark.parametrize("by_itself", [True, False])
    async def test_a_resumption_asked_again_is_not_told_the_fence_of_a_take_over(
        self, scene: Scene, *, by_itself: bool
    ) -> None:
        turn_id, ask = await self.paused(scene)
        await self.decide(scene, turn_id)
        command = ask.resume(turn_id, ask.hold(70))
        await scene.kernel.one.journal.resume(command)
        await scene.kernel.administrator.expire_leases(ask.tenant_id)
        server = scene.kernel.one if by_itself else scene.kernel.other
        assert turn_id in {one.turn.id for one in await server.leases.take_over(1000)}
        before = await scene.snapshot()

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.resume(command)

        assert await scene.snapshot() == before

    async def test_one_of_two_resumptions_wins(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)
        await self.decide(scene, turn_id)
        await scene.kernel.one.journal.resume(ask.resume(turn_id))

        with pytest.raises(StaleFenceError):
            await scene.kernel.other.journal.resume(ask.resume(turn_id))

    async def test_what_was_read_of_a_pause_resumes_no_later_one(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)
        await self.decide(scene, turn_id)
        await scene.kernel.one.journal.resume(ask.resume(turn_id))
        await scene.kernel.one.journal.pause(ask.pause(turn_id, fence=2))
        before = await scene.snapshot()

        with pytest.raises(StaleFenceError):
            await scene.kernel.other.journal.resume(ask.resume(turn_id, fence=1))

        assert await scene.snapshot() == before
        grant = await scene.kernel.other.journal.resume(ask.resume(turn_id, fence=2))
        assert (grant.state, grant.fence) == (TurnState.RUNNING, 3)

    async def test_a_turn_whose_resumption_does_not_fit_stays_paused(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)
        await self.decide(scene, turn_id)
        before = await scene.snapshot()

        with pytest.raises(BudgetExhaustedError):
            await scene.kernel.one.journal.resume(ask.resume(turn_id, ask.hold(971)))

        assert await scene.snapshot() == before

    async def test_a_paused_turn_can_be_cancelled(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)

        await scene.kernel.one.journal.finish(ask.finish(turn_id, state=TurnState.CANCELLED))

        assert await scene.queue() == SessionQueue()
        assert await scene.tokens() == (30, 0, 0)

    async def test_a_resumed_turn_settles_again(self, scene: Scene) -> None:
        turn_id, ask = await self.paused(scene)
        await self.decide(scene, turn_id)
        await scene.kernel.one.journal.resume(ask.resume(turn_id, ask.hold(70)))

        await scene.kernel.one.journal.finish(ask.finish(turn_id, tokens(50), fence=2))

        assert await scene.tokens() == (80, 0, 0)
        lines = (await scene.snapshot()).ledger
        assert [(line.step, line.amount) for line in lines] == [(1, 30), (2, 50)]
