"""The turn journal: rounds and ends, what they refuse, and that they may be repeated."""

from asyncio import create_task, sleep
from dataclasses import replace

import pytest

from domain.budget.account import Account, AccountKind, Use
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import StaleFenceError
from domain.conversation.message import Message, Role
from domain.conversation.session import SessionQueue
from domain.conversation.turn import TurnState
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import TurnId
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState
from tests.contract.commands import USAGE, shown, tokens
from tests.contract.kernel import LEASE_SECONDS
from tests.contract.scene import Scene


class TestExtend:
    async def test_holds_more_and_writes_down_the_calls(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        call = scene.ask.call(turn_id)

        left = await scene.kernel.one.journal.extend(
            scene.ask.extend(turn_id, scene.ask.hold(50), started=(call,))
        )

        assert 0 < left <= LEASE_SECONDS
        assert await scene.tokens() == (0, 150, 0)
        assert [
            one.id for one in await scene.kernel.reader.invocations(scene.ask.tenant_id, turn_id)
        ] == [call.id]

    async def test_answers_a_round_asked_again_as_before(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        command = scene.ask.extend(turn_id, scene.ask.hold(50), started=(scene.ask.call(turn_id),))
        await scene.kernel.one.journal.extend(command)

        assert await scene.kernel.one.journal.extend(command) > 0

        assert await scene.tokens() == (0, 150, 0)

    async def test_comes_after_a_round_that_nobody_waits_for_any_more(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        command = scene.ask.extend(turn_id, scene.ask.hold(50), started=(scene.ask.call(turn_id),))
        asking = create_task(scene.kernel.one.journal.extend(command))
        await sleep(0)
        asking.cancel()

        await scene.kernel.one.journal.extend(replace(command, holds=(), started=()))

        kept = await scene.snapshot()
        assert [one.state for one in kept.invocations.values()] == [InvocationState.STARTED]
        assert await scene.tokens() == (0, 150, 0)

    async def test_of_nothing_is_never_refused_and_takes_the_place_of_the_round(
        self, scene: Scene
    ) -> None:
        turn_id = await scene.running(1000)
        command = scene.ask.extend(turn_id, scene.ask.hold(50), started=(scene.ask.call(turn_id),))
        await scene.kernel.one.journal.extend(replace(command, holds=(), started=()))
        before = await scene.snapshot()

        await scene.kernel.one.journal.extend(command)

        assert await scene.snapshot() == before
        assert not before.invocations
        assert await scene.tokens() == (0, 1000, 0)

    async def test_refuses_to_leave_a_round_out(self, scene: Scene) -> None:
        turn_id = await scene.running(100)

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.extend(scene.ask.extend(turn_id, round=2))

    async def test_refuses_what_does_not_fit_and_changes_nothing(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        before = await scene.snapshot()

        with pytest.raises(BudgetExhaustedError):
            await scene.kernel.one.journal.extend(
                scene.ask.extend(turn_id, scene.ask.hold(901), started=(scene.ask.call(turn_id),))
            )

        assert await scene.snapshot() == before

    @pytest.mark.parametrize("fence", [0, 2])
    async def test_refuses_a_wrong_fence(self, scene: Scene, fence: int) -> None:
        turn_id = await scene.running(100)

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.extend(scene.ask.extend(turn_id, fence=fence))

    async def test_refuses_a_turn_that_waits(self, scene: Scene) -> None:
        await scene.running()
        waiting = (await scene.kernel.one.journal.accept(scene.ask.accept())).turn_id

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.extend(scene.ask.extend(waiting, fence=0))

    async def test_refuses_an_unknown_turn(self, scene: Scene) -> None:
        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.extend(
                scene.ask.extend(TurnId(scene.ask.identifiers.next()))
            )


class TestFinish:
    async def test_settles_answers_and_records(self, scene: Scene) -> None:
        turn_id = await scene.running(100)
        command = scene.ask.finish(turn_id, tokens(40), events=shown(1, 2), outgoing=2)

        finished = await scene.kernel.one.journal.finish(command)

        assert (finished.promoted, finished.owner) == (None, None)
        assert await scene.tokens() == (40, 0, 0)
        turn = await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)
        assert (turn.state, turn.answer, turn.usage) == (TurnState.COMPLETED, "Good day", USAGE)
        assert (turn.record_id, turn.failure) == (command.record_id, None)
        kept = await scene.snapshot()
        assert kept.positions == (command.record_id,)
        assert kept.outgoing[scene.ask.session_id][1:] == tuple(
            event.id for event in command.outgoing
        )
        assert [line.amount for line in kept.ledger] == [40]
        assert await scene.kernel.reader.trace(scene.ask.tenant_id, turn_id) == command.trace

    async def test_settles_what_was_not_held_in_the_accounts_of_the_turn(
        self, scene: Scene
    ) -> None:
        for account, most in ((scene.ask.account, 5), (Account(AccountKind.USER, "ada"), 2)):
            await scene.limit(account, most, Metric.TOOL_CALLS)
        await scene.limit(Account(AccountKind.USER, "ada"), 1000)
        ahead = (await scene.kernel.one.journal.accept(scene.ask.accept())).turn_id
        held = scene.ask.accept(scene.ask.hold(100), scene.ask.hold(100, user="ada"))
        await scene.kernel.one.journal.accept(held)
        calls = Use(Metric.TOOL_CALLS, 4, 1)

        for turn_id in (ahead, held.turn_id):
            await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, tokens(40), calls))

        assert await scene.sums(Metric.TOOL_CALLS) == (8, 0, 3)
        assert await scene.sums(Metric.TOOL_CALLS, "ada") == (4, 0, 2)
        kept = await scene.snapshot()
        own, ada = scene.ask.account_id(), scene.ask.account_id("ada")
        assert {
            (line.reference_id, account)
            for line in kept.ledger
            if line.metric is Metric.TOOL_CALLS
            for account in line.accounts
        } == {(ahead, own), (held.turn_id, own), (held.turn_id, ada)}
        assert {one[2:] for one in kept.overruns} == {
            (own, Metric.TOOL_CALLS, 3),
            (ada, Metric.TOOL_CALLS, 2),
        }

    async def test_promotes_the_head_of_the_queue(self, scene: Scene) -> None:
        first = await scene.running()
        second = scene.ask.accept()
        third = scene.ask.accept()
        await scene.kernel.other.journal.accept(second)
        await scene.kernel.one.journal.accept(third)

        finished = await scene.kernel.one.journal.finish(scene.ask.finish(first))

        assert (finished.promoted, finished.owner) == (second.turn_id, scene.kernel.other.id)
        assert await scene.queue() == SessionQueue(second.turn_id, (third.turn_id,))
        turn = await scene.kernel.reader.turn(scene.ask.tenant_id, second.turn_id)
        assert (turn.state, turn.fence) == (TurnState.RUNNING, 1)

    async def test_answers_as_before_when_repeated(self, scene: Scene) -> None:
        first = await scene.running()
        await scene.kernel.one.journal.accept(scene.ask.accept())
        command = scene.ask.finish(first, tokens(40))
        finished = await scene.kernel.one.journal.finish(command)
        kept = await scene.snapshot()

        assert await scene.kernel.one.journal.finish(command) == finished

        assert await scene.snapshot() == kept

    async def test_refuses_another_end(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id))

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.finish(
                scene.ask.finish(turn_id, state=TurnState.CANCELLED)
            )

    @pytest.mark.parametrize("fence", [0, 2])
    async def test_refuses_a_wrong_fence(self, scene: Scene, fence: int) -> None:
        turn_id = await scene.running()
        before = await scene.snapshot()

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, fence=fence))

        assert await scene.snapshot() == before

    async def test_takes_a_cancelled_turn_out_of_the_queue(self, scene: Scene) -> None:
        running = await scene.running()
        waiting = await scene.running(200)

        finished = await scene.kernel.one.journal.finish(
            scene.ask.finish(waiting, fence=0, state=TurnState.CANCELLED)
        )

        assert finished.promoted is None
        assert await scene.queue() == SessionQueue(running)
        assert await scene.tokens() == (0, 100, 0)

    async def test_refuses_to_complete_a_turn_that_never_ran(self, scene: Scene) -> None:
        await scene.running()
        waiting = await scene.running()

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.finish(scene.ask.finish(waiting, fence=0))

    async def test_records_use_beyond_the_limit_as_overrun(self, scene: Scene) -> None:
        turn_id = await scene.running(1000)

        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, tokens(1300)))

        assert await scene.tokens() == (1300, 0, 300)

    async def test_takes_what_fits_above_the_hold(self, scene: Scene) -> None:
        turn_id = await scene.running(100)

        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, tokens(900)))

        assert await scene.tokens() == (900, 0, 0)

    async def test_refuses_an_answer_that_cannot_be_kept(self, scene: Scene) -> None:
        turn_id = await scene.running()

        with pytest.raises(InvalidArgumentError):
            await scene.kernel.one.journal.finish(replace(scene.ask.finish(turn_id), answer="a\0b"))

    async def test_keeps_no_answer_of_a_turn_that_failed(self, scene: Scene) -> None:
        turn_id = await scene.running()
        command = scene.ask.finish(turn_id, state=TurnState.FAILED)

        await scene.kernel.one.journal.finish(command)

        turn = await scene.kernel.reader.turn(scene.ask.tenant_id, turn_id)
        assert (turn.answer, turn.failure) == ("", command.failure)
        opening = await scene.kernel.reader.opening(scene.ask.tenant_id, scene.ask.session_id, 10)
        assert opening.history == (Message(Role.USER, "Hello"),)
