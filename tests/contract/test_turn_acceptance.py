"""The turn journal: taking a message on, once, within its limits and in its place."""

import pytest

from application.conversation.ports.leases import Renewal
from application.conversation.running_turn import CEILING_STEP
from domain.budget.account import Account, AccountKind
from domain.budget.errors import AccountNotFoundError, BudgetExhaustedError
from domain.conversation.errors import SessionBusyError, SessionNotFoundError
from domain.conversation.message import Role
from domain.conversation.session import SessionQueue
from domain.conversation.turn import TurnState
from domain.kernel.errors import IdempotencyKeyReusedError, InvalidArgumentError
from domain.kernel.identifiers import SessionId
from domain.kernel.metering import Metric
from tests.contract.commands import shown, tokens
from tests.contract.kernel import LEASE_SECONDS
from tests.contract.scene import Scene


class TestAccept:
    async def test_runs_the_first_turn_of_a_session(self, scene: Scene) -> None:
        command = scene.ask.accept(scene.ask.hold(300))

        grant = await scene.kernel.one.journal.accept(command)

        assert (grant.turn_id, grant.state, grant.fence) == (command.turn_id, TurnState.RUNNING, 1)
        assert (grant.ceiling, grant.first_sequence, grant.earlier) == (1000, 1, False)
        assert 0 < grant.lease_seconds <= LEASE_SECONDS
        assert await scene.tokens() == (0, 300, 0)
        assert await scene.queue() == SessionQueue(command.turn_id)

    async def test_queues_the_next_turn(self, scene: Scene) -> None:
        running = await scene.running()
        command = scene.ask.accept(scene.ask.hold(100))

        grant = await scene.kernel.one.journal.accept(command)

        assert (grant.state, grant.fence, grant.lease_seconds) == (TurnState.QUEUED, 0, 0.0)
        assert await scene.queue() == SessionQueue(running, (command.turn_id,))

    async def test_refuses_when_the_queue_is_full(self, scene: Scene) -> None:
        for _ in range(3):
            await scene.kernel.one.journal.accept(scene.ask.accept())

        with pytest.raises(SessionBusyError):
            await scene.kernel.one.journal.accept(scene.ask.accept())

    async def test_refuses_a_second_turn_where_nobody_may_wait(self, scene: Scene) -> None:
        ask = scene.ask.in_session(SessionId(scene.ask.identifiers.next()))
        await scene.kernel.administrator.open_session(ask.session(max_waiting=0))
        await scene.kernel.one.journal.accept(ask.accept())

        with pytest.raises(SessionBusyError):
            await scene.kernel.one.journal.accept(ask.accept())

    async def test_answers_the_same_request_with_the_first_turn(self, scene: Scene) -> None:
        first = scene.ask.accept(scene.ask.hold(100), request_id="r")
        again = scene.ask.accept(scene.ask.hold(100), request_id="r")
        await scene.kernel.one.journal.accept(first)

        grant = await scene.kernel.other.journal.accept(again)

        assert (grant.turn_id, grant.state, grant.earlier) == (
            first.turn_id,
            TurnState.RUNNING,
            True,
        )
        assert await scene.tokens() == (0, 100, 0)

    async def test_takes_its_own_turn_for_new_when_its_answer_was_lost(self, scene: Scene) -> None:
        command = scene.ask.accept(scene.ask.hold(100), request_id="r")
        first = await scene.kernel.one.journal.accept(command)

        again = await scene.kernel.one.journal.accept(command)

        assert (again.turn_id, again.state, again.fence, again.earlier) == (
            first.turn_id,
            TurnState.RUNNING,
            1,
            False,
        )
        assert await scene.tokens() == (0, 100, 0)

    async def test_leaves_its_own_turn_to_who_took_it_over(self, scene: Scene) -> None:
        command = scene.ask.accept(request_id="r")
        await scene.kernel.one.journal.accept(command)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        await scene.kernel.other.leases.take_over(100)

        assert (await scene.kernel.one.journal.accept(command)).earlier

    async def test_leaves_its_own_turn_that_was_promoted_meanwhile_as_promoted(
        self, scene: Scene
    ) -> None:
        first = await scene.running()
        command = scene.ask.accept(request_id="r")
        queued = await scene.kernel.one.journal.accept(command)
        waiting = await scene.kernel.one.journal.accept(command)
        await scene.kernel.one.journal.finish(scene.ask.finish(first))

        promoted = await scene.kernel.one.journal.accept(command)

        assert (queued.state, queued.earlier) == (TurnState.QUEUED, False)
        assert (waiting.state, waiting.earlier) == (TurnState.QUEUED, False)
        assert (promoted.state, promoted.fence, promoted.earlier) == (TurnState.RUNNING, 1, True)
        assert [one.turn.id for one in await scene.kernel.one.leases.promoted(9)] == [
            command.turn_id
        ]

    async def test_leaves_its_own_turn_that_was_promoted_and_is_driven_to_its_driver(
        self, scene: Scene
    ) -> None:
        first = await scene.running()
        command = scene.ask.accept(request_id="r")
        await scene.kernel.one.journal.accept(command)
        await scene.kernel.one.journal.finish(scene.ask.finish(first))
        renewal = Renewal(scene.ask.tenant_id, command.turn_id, 1, 1 + CEILING_STEP)
        await scene.kernel.one.leases.renew([renewal])

        promoted = await scene.kernel.one.journal.accept(command)

        assert (promoted.state, promoted.fence, promoted.earlier) == (TurnState.RUNNING, 1, True)

    async def test_refuses_a_request_id_with_other_content(self, scene: Scene) -> None:
        await scene.kernel.one.journal.accept(scene.ask.accept(request_id="r"))

        with pytest.raises(IdempotencyKeyReusedError):
            await scene.kernel.one.journal.accept(scene.ask.accept(request_id="r", digest=b"x"))

    async def test_knows_a_request_after_its_turn_ended(self, scene: Scene) -> None:
        command = scene.ask.accept(request_id="r")
        await scene.kernel.one.journal.accept(command)
        await scene.kernel.one.journal.finish(scene.ask.finish(command.turn_id, events=shown(1, 2)))

        grant = await scene.kernel.one.journal.accept(scene.ask.accept(request_id="r"))

        assert (grant.turn_id, grant.state) == (command.turn_id, TurnState.COMPLETED)
        assert (grant.first_sequence, grant.lease_seconds) == (3, 0.0)

    async def test_holds_in_every_account_or_in_none(self, scene: Scene) -> None:
        await scene.limit(Account(AccountKind.USER, "ada"), 50)
        asked = scene.ask.accept(scene.ask.hold(60), scene.ask.hold(60, user="ada"))

        with pytest.raises(BudgetExhaustedError) as refusal:
            await scene.kernel.one.journal.accept(asked)

        assert refusal.value.facts == {
            "metric": "tokens",
            "account": str(scene.ask.account_id("ada")),
            "asked": "60",
            "remaining": "50",
        }
        assert await scene.tokens() == (0, 0, 0)
        assert (await scene.snapshot()).turns == {}

    async def test_passes_over_an_account_without_a_limit(self, scene: Scene) -> None:
        command = scene.ask.accept(scene.ask.hold(60), scene.ask.hold(60, user="nobody"))

        await scene.kernel.one.journal.accept(command)

        row = (await scene.snapshot()).turns[command.turn_id]
        assert row.holds == {(scene.ask.account_id(), Metric.TOKENS): 60}

    async def test_refuses_a_required_account_without_a_limit(self, scene: Scene) -> None:
        command = scene.ask.accept(scene.ask.hold(1, Metric.IMAGES, required=True))

        with pytest.raises(AccountNotFoundError):
            await scene.kernel.one.journal.accept(command)

    async def test_adds_two_holds_of_one_account(self, scene: Scene) -> None:
        turn_id = (
            await scene.kernel.one.journal.accept(
                scene.ask.accept(scene.ask.hold(60), scene.ask.hold(40))
            )
        ).turn_id
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, tokens(70)))

        assert await scene.tokens() == (70, 0, 0)

    @pytest.mark.parametrize("amount", [-1, 10**12 + 1])
    async def test_refuses_an_amount_out_of_range(self, scene: Scene, amount: int) -> None:
        with pytest.raises(InvalidArgumentError):
            await scene.kernel.one.journal.accept(scene.ask.accept(scene.ask.hold(amount)))

    @pytest.mark.parametrize("text", ["a\0b", "\ud800"])
    async def test_refuses_a_text_that_cannot_be_kept(self, scene: Scene, text: str) -> None:
        with pytest.raises(InvalidArgumentError):
            await scene.kernel.one.journal.accept(scene.ask.accept(text=text))

        with pytest.raises(InvalidArgumentError):
            await scene.kernel.one.journal.accept(scene.ask.accept(request_id=text))

    async def test_refuses_an_unknown_session(self, scene: Scene) -> None:
        ask = scene.ask.in_session(SessionId(scene.ask.identifiers.next()))

        with pytest.raises(SessionNotFoundError):
            await scene.kernel.one.journal.accept(ask.accept())

    async def test_refuses_a_deleted_session(self, scene: Scene) -> None:
        await scene.kernel.administrator.delete_session(scene.ask.tenant_id, scene.ask.session_id)

        with pytest.raises(SessionNotFoundError):
            await scene.kernel.one.journal.accept(scene.ask.accept())

    async def test_stores_the_order_and_the_message(self, scene: Scene) -> None:
        command = scene.ask.accept(text="Grüße, 世界")
        await scene.kernel.one.journal.accept(command)

        turn = await scene.kernel.reader.turn(scene.ask.tenant_id, command.turn_id)
        kept = await scene.snapshot()

        assert turn.order == command.order
        assert turn.capsule_version_id == command.capsule_version_id
        assert (turn.deadline_at - turn.accepted_at).total_seconds() == pytest.approx(300)
        assert kept.messages == {command.message_id: (turn.id, Role.USER, "Grüße, 世界")}
        assert kept.outgoing == {command.event.key: (command.event.id,)}
