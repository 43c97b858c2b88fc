"""The turn journal: turns of lost servers go on elsewhere."""

from dataclasses import replace

import pytest

from domain.budget.errors import AccountNotFoundError, BudgetExhaustedError
from domain.conversation.errors import StaleFenceError
from domain.conversation.interruption import MOST_TAKE_OVERS
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Restarted
from domain.kernel.identifiers import TurnId
from domain.tools.invocation import InvocationState
from tests.contract.commands import CHECKPOINT, USAGE, tokens
from tests.contract.kernel import LEASE_SECONDS
from tests.contract.scene import Scene


class TestTakeOn:
    async def taken(self, scene: Scene, amount: int = 100) -> TurnId:
        """A turn that the other server took over from the one."""
        turn_id = await scene.running(amount)
        await self.overtake(scene, turn_id)
        return turn_id

    async def overtake(self, scene: Scene, turn_id: TurnId) -> int:
        """How many servers were lost with the turn since it got any further."""
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        lost = await scene.kernel.other.leases.take_over(1000)
        (found,) = [one for one in lost if one.turn.id == turn_id]
        assert found.seconds_left > 0
        return found.take_overs

    async def test_settles_what_was_used_and_holds_what_follows(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)

        grant = await scene.kernel.other.journal.take_on(
            scene.ask.take_on(turn_id, scene.ask.hold(70), uses=(tokens(30),))
        )

        assert await scene.tokens() == (30, 70, 0)
        assert (grant.state, grant.fence, grant.first_sequence) == (TurnState.RUNNING, 2, 1001)
        assert grant.ceiling >= 2000
        assert 0 < grant.lease_seconds <= LEASE_SECONDS
        assert not grant.earlier
        facts = await scene.snapshot()
        assert [(line.step, line.amount) for line in facts.ledger] == [(1, 30)]
        assert len(facts.outgoing[scene.ask.session_id]) == 2
        kept = await scene.kernel.reader.checkpoint(scene.ask.tenant_id, turn_id)
        assert kept == CHECKPOINT
        assert (await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)).usage == USAGE
        (void,) = await scene.kernel.reader.events(scene.ask.tenant_id, turn_id, 0, 10)
        assert (void.sequence, void.body) == (1000, Restarted(1, 1000))

    async def test_asked_again_changes_nothing(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)
        command = scene.ask.take_on(turn_id, scene.ask.hold(70), uses=(tokens(30),))
        await scene.kernel.other.journal.take_on(command)
        before = await scene.snapshot()

        grant = await scene.kernel.other.journal.take_on(command)

        assert (grant.turn_id, grant.fence, grant.earlier) == (turn_id, 2, True)
        assert await scene.snapshot() == before

    async def test_of_nothing_that_follows_is_never_refused_and_settles_once(
        self, scene: Scene
    ) -> None:
        turn_id = await scene.running(900)
        command = scene.ask.take_on(
            turn_id, scene.ask.hold(1), uses=(tokens(1100),), fence=1, step=1, void=None
        )
        await scene.kernel.one.journal.take_on(replace(command, holds=()))
        before = await scene.snapshot()

        assert (await scene.kernel.one.journal.take_on(command)).earlier

        assert await scene.snapshot() == before
        assert await scene.tokens() == (1100, 0, 100)
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, state=TurnState.FAILED))
        assert [(one.step, one.amount) for one in (await scene.snapshot()).ledger] == [(1, 1100)]

    @pytest.mark.parametrize("by_itself", [True, False])
    async def test_asked_again_is_not_told_the_fence_of_a_later_take_over(
        self, scene: Scene, *, by_itself: bool
    ) -> None:
        turn_id = await self.taken(scene)
        command = scene.ask.take_on(turn_id, scene.ask.hold(70), uses=(tokens(30),))
        await scene.kernel.other.journal.take_on(command)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        server = scene.kernel.other if by_itself else scene.kernel.one
        assert turn_id in {one.turn.id for one in await server.leases.take_over(1000)}
        before = await scene.snapshot()

        with pytest.raises(StaleFenceError):
            await scene.kernel.other.journal.take_on(command)

        assert await scene.snapshot() == before

    async def test_what_the_lost_server_held_is_free_for_what_follows(self, scene: Scene) -> None:
        turn_id = await self.taken(scene, amount=900)

        await scene.kernel.other.journal.take_on(
            scene.ask.take_on(turn_id, scene.ask.hold(950), uses=(tokens(50),))
        )

        assert await scene.tokens() == (50, 950, 0)

    async def test_nothing_is_overrun_when_what_follows_does_not_fit(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)
        before = await scene.snapshot()

        with pytest.raises(BudgetExhaustedError):
            await scene.kernel.other.journal.take_on(
                scene.ask.take_on(turn_id, scene.ask.hold(1), uses=(tokens(1100),))
            )

        assert await scene.snapshot() == before

    async def test_nothing_is_settled_when_what_follows_does_not_fit(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)
        before = await scene.snapshot()

        with pytest.raises(BudgetExhaustedError) as refused:
            await scene.kernel.other.journal.take_on(
                scene.ask.take_on(turn_id, scene.ask.hold(971), uses=(tokens(30),))
            )

        assert refused.value.facts["remaining"] == "970"
        assert await scene.snapshot() == before
        await scene.kernel.other.journal.finish(
            scene.ask.finish(turn_id, tokens(30), fence=2, state=TurnState.FAILED)
        )
        assert await scene.tokens() == (30, 0, 0)

    async def test_a_required_account_that_is_not_there_changes_nothing(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)
        before = await scene.snapshot()

        with pytest.raises(AccountNotFoundError):
            await scene.kernel.other.journal.take_on(
                scene.ask.take_on(
                    turn_id, scene.ask.hold(1, user="nobody", required=True), uses=(tokens(30),)
                )
            )

        assert await scene.snapshot() == before

    async def test_the_lost_server_cannot_take_it_back(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.take_on(scene.ask.take_on(turn_id, fence=1))

    async def test_a_turn_that_ended_is_not_taken_on(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)
        await scene.kernel.other.journal.finish(scene.ask.finish(turn_id, fence=2))

        with pytest.raises(StaleFenceError):
            await scene.kernel.other.journal.take_on(scene.ask.take_on(turn_id))

    async def test_a_turn_is_taken_on_once_under_each_fence(self, scene: Scene) -> None:
        turn_id = await self.taken(scene)
        first = scene.ask.take_on(turn_id, scene.ask.hold(70), uses=(tokens(30),))
        await scene.kernel.other.journal.take_on(first)
        await self.overtake(scene, turn_id)

        await scene.kernel.other.journal.take_on(
            scene.ask.take_on(
                turn_id, scene.ask.hold(50), uses=(tokens(20),), fence=3, void=(1001, 2000)
            )
        )

        assert await scene.tokens() == (50, 50, 0)
        lines = (await scene.snapshot()).ledger
        assert [(line.step, line.amount) for line in lines] == [(1, 30), (2, 20)]

    async def test_the_same_driver_takes_it_on_step_by_step(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        steps = [
            scene.ask.take_on(
                turn_id, scene.ask.hold(60), uses=(tokens(40),), fence=1, step=step, void=None
            )
            for step in (1, 2)
        ]
        for command in steps:
            await scene.kernel.one.journal.take_on(command)
        before = await scene.snapshot()

        for command in steps:
            assert (await scene.kernel.one.journal.take_on(command)).earlier

        assert await scene.snapshot() == before
        assert await scene.tokens() == (80, 60, 0)
        assert before.turns[turn_id].written == 0

    async def test_calls_that_were_made_are_written_down(self, scene: Scene) -> None:
        turn_id = await scene.running()
        call = scene.ask.call(turn_id, InvocationState.SUCCEEDED)

        command = scene.ask.take_on(turn_id, fence=1, step=1, void=None)
        await scene.kernel.one.journal.take_on(replace(command, made=(call,)))

        (row,) = (await scene.snapshot()).invocations.values()
        assert row.state is InvocationState.SUCCEEDED

    async def test_lost_servers_are_counted_until_the_turn_gets_further(self, scene: Scene) -> None:
        turn_id = await scene.running()
        counts = [await self.overtake(scene, turn_id) for _ in range(3)]
        assert counts == [1, 2, 3]

        command = scene.ask.take_on(turn_id, scene.ask.hold(10), fence=4, progressed=True)
        await scene.kernel.other.journal.take_on(command)
        assert (await scene.snapshot()).turns[turn_id].take_overs == 1

        await scene.kernel.other.journal.extend(scene.ask.extend(turn_id, fence=4))
        assert (await scene.snapshot()).turns[turn_id].take_overs == 0

    async def test_a_promoted_turn_with_which_too_many_servers_were_lost_is_promoted_no_more(
        self, scene: Scene
    ) -> None:
        first = await scene.running()
        waiting = await scene.running()
        await scene.kernel.one.journal.finish(scene.ask.finish(first))
        found: list[int] = []

        for _ in range(MOST_TAKE_OVERS + 1):
            await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
            lost = await scene.kernel.other.leases.take_over(1000)
            found += [one.take_overs for one in lost if one.turn.id == waiting]

        assert found == [MOST_TAKE_OVERS + 1]
        promoted = await scene.kernel.other.leases.promoted(1000)
        assert waiting not in {one.turn.id for one in promoted}

    async def test_a_round_s_checkpoint_takes_the_place_of_the_one_before(
        self, scene: Scene
    ) -> None:
        turn_id = await scene.running()
        later = replace(CHECKPOINT, round=2)
        await scene.kernel.one.journal.extend(scene.ask.extend(turn_id))
        second = replace(scene.ask.extend(turn_id, round=2), checkpoint=later)

        await scene.kernel.one.journal.extend(second)

        kept = await scene.kernel.reader.checkpoint(scene.ask.tenant_id, turn_id)
        assert kept == later
