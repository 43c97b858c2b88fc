"""Accounts and reservations by themselves: all or none, once, within the limits."""

import pytest

from domain.budget.account import Account, AccountKind, Use
from domain.budget.errors import (
    AccountNotFoundError,
    BudgetExhaustedError,
    ReservationEndedError,
    ReservationNotFoundError,
)
from domain.budget.quantity import Quantity
from domain.budget.reservation import ReservationState
from domain.kernel.errors import IdempotencyKeyReusedError, InvalidArgumentError
from domain.kernel.identifiers import ReservationId
from domain.kernel.metering import LEVEL_METRICS, MAX_AMOUNT, Metric
from tests.contract.commands import tokens
from tests.contract.scene import Scene
from tests.contract.usage import used_alone

ADA = Account(AccountKind.USER, "ada")


class TestReserve:
    async def test_holds_in_every_account(self, scene: Scene) -> None:
        await scene.limit(ADA, 500)
        command = scene.ask.reserve(scene.ask.hold(60), scene.ask.hold(60, user="ada"))

        reservation = await scene.kernel.budgets.reserve(command)

        assert reservation.id == command.reservation_id
        assert reservation.state is ReservationState.HELD
        assert reservation.holds == command.holds
        assert await scene.tokens() == (0, 60, 0)
        assert await scene.tokens("ada") == (0, 60, 0)

    async def test_holds_nothing_when_one_account_lacks_room(self, scene: Scene) -> None:
        await scene.limit(ADA, 50)

        with pytest.raises(BudgetExhaustedError) as refusal:
            await scene.kernel.budgets.reserve(
                scene.ask.reserve(scene.ask.hold(60), scene.ask.hold(60, user="ada"))
            )

        assert refusal.value.facts["remaining"] == "50"
        assert await scene.tokens() == (0, 0, 0)

    async def test_answers_the_same_request_with_the_first_reservation(self, scene: Scene) -> None:
        first = await scene.kernel.budgets.reserve(
            scene.ask.reserve(scene.ask.hold(60), request_id="r")
        )

        again = await scene.kernel.budgets.reserve(
            scene.ask.reserve(scene.ask.hold(60), request_id="r")
        )

        assert again == first
        assert await scene.tokens() == (0, 60, 0)

    async def test_refuses_a_request_id_with_other_content(self, scene: Scene) -> None:
        await scene.kernel.budgets.reserve(scene.ask.reserve(request_id="r"))

        with pytest.raises(IdempotencyKeyReusedError):
            await scene.kernel.budgets.reserve(scene.ask.reserve(request_id="r", digest=b"x"))

    async def test_passes_over_an_account_without_a_limit(self, scene: Scene) -> None:
        reservation = await scene.kernel.budgets.reserve(
            scene.ask.reserve(scene.ask.hold(60), scene.ask.hold(60, user="nobody"))
        )

        assert reservation.holds == (scene.ask.hold(60),)

    async def test_refuses_a_required_account_without_a_limit(self, scene: Scene) -> None:
        hold = scene.ask.hold(1, Metric.IMAGES, required=True)

        with pytest.raises(AccountNotFoundError):
            await scene.kernel.budgets.reserve(scene.ask.reserve(hold))

    @pytest.mark.parametrize("amount", [-1, MAX_AMOUNT + 1])
    async def test_refuses_an_amount_out_of_range(self, scene: Scene, amount: int) -> None:
        with pytest.raises(InvalidArgumentError):
            await scene.kernel.budgets.reserve(scene.ask.reserve(scene.ask.hold(amount)))

    async def test_refuses_a_request_id_that_cannot_be_kept(self, scene: Scene) -> None:
        with pytest.raises(InvalidArgumentError):
            await scene.kernel.budgets.reserve(scene.ask.reserve(request_id="a\0b"))

    @pytest.mark.parametrize("level", sorted(LEVEL_METRICS))
    async def test_refuses_a_level_at_every_step(self, scene: Scene, level: Metric) -> None:
        budgets, ask = scene.kernel.budgets, scene.ask
        await scene.limit(ask.account, 20, level)
        held = (await budgets.reserve(ask.reserve(ask.hold(60)))).id

        for refused in (
            budgets.reserve(ask.reserve(ask.hold(1, level))),
            budgets.extend(ask.tenant_id, held, 1, (ask.hold(1, level),)),
            budgets.settle(ask.tenant_id, held, (Use(level, 1_000_000, 1),)),
        ):
            with pytest.raises(InvalidArgumentError):
                await refused

        assert await scene.sums(level) == (0, 0, 0)
        assert await scene.tokens() == (0, 60, 0)

    async def test_takes_the_last_of_a_limit_and_no_more(self, scene: Scene) -> None:
        await scene.kernel.budgets.reserve(scene.ask.reserve(scene.ask.hold(1000)))

        with pytest.raises(BudgetExhaustedError):
            await scene.kernel.budgets.reserve(scene.ask.reserve(scene.ask.hold(1)))


class TestExtend:
    async def held(self, scene: Scene, amount: int = 100) -> ReservationId:
        command = scene.ask.reserve(scene.ask.hold(amount))
        return (await scene.kernel.budgets.reserve(command)).id

    async def test_holds_more(self, scene: Scene) -> None:
        held = await self.held(scene)

        reservation = await scene.kernel.budgets.extend(
            scene.ask.tenant_id, held, 1, (scene.ask.hold(50),)
        )

        assert reservation.holds == (scene.ask.hold(150),)
        assert await scene.tokens() == (0, 150, 0)

    async def test_a_step_asked_again_changes_nothing(self, scene: Scene) -> None:
        held = await self.held(scene)
        first = await scene.kernel.budgets.extend(
            scene.ask.tenant_id, held, 1, (scene.ask.hold(50),)
        )

        again = await scene.kernel.budgets.extend(
            scene.ask.tenant_id, held, 1, (scene.ask.hold(50),)
        )

        assert again == first
        assert await scene.tokens() == (0, 150, 0)

    async def test_refuses_to_leave_a_step_out(self, scene: Scene) -> None:
        held = await self.held(scene)

        with pytest.raises(InvalidArgumentError):
            await scene.kernel.budgets.extend(scene.ask.tenant_id, held, 2, ())

    async def test_refuses_what_does_not_fit_and_may_be_asked_again(self, scene: Scene) -> None:
        held = await self.held(scene)
        with pytest.raises(BudgetExhaustedError):
            await scene.kernel.budgets.extend(scene.ask.tenant_id, held, 1, (scene.ask.hold(901),))

        await scene.kernel.budgets.extend(scene.ask.tenant_id, held, 1, (scene.ask.hold(900),))

        assert await scene.tokens() == (0, 1000, 0)

    async def test_refuses_a_reservation_that_ended(self, scene: Scene) -> None:
        held = await self.held(scene)
        await scene.kernel.budgets.release(scene.ask.tenant_id, held)

        with pytest.raises(ReservationEndedError):
            await scene.kernel.budgets.extend(scene.ask.tenant_id, held, 1, ())

    async def test_refuses_an_unknown_reservation(self, scene: Scene) -> None:
        unknown = ReservationId(scene.ask.identifiers.next())

        with pytest.raises(ReservationNotFoundError):
            await scene.kernel.budgets.extend(scene.ask.tenant_id, unknown, 1, ())


class TestEnds:
    async def held(self, scene: Scene, amount: int = 100) -> ReservationId:
        command = scene.ask.reserve(scene.ask.hold(amount))
        return (await scene.kernel.budgets.reserve(command)).id

    async def test_a_settlement_spends_what_was_used(self, scene: Scene) -> None:
        held = await self.held(scene)

        reservation = await scene.kernel.budgets.settle(
            scene.ask.tenant_id, held, (tokens(30), tokens(10))
        )

        assert reservation.state is ReservationState.SETTLED
        assert await scene.tokens() == (40, 0, 0)
        (line,) = (await scene.snapshot()).ledger
        assert (line.reference_id, line.amount, line.accounts) == (
            held,
            40,
            (scene.ask.account_id(),),
        )

    async def test_a_settlement_asked_again_changes_nothing(self, scene: Scene) -> None:
        held = await self.held(scene)
        first = await scene.kernel.budgets.settle(scene.ask.tenant_id, held, (tokens(40),))
        nothing = Use(Metric.TOOL_CALLS, 0, 1)

        again = await scene.kernel.budgets.settle(scene.ask.tenant_id, held, (nothing, tokens(40)))

        assert again == first
        assert await scene.tokens() == (40, 0, 0)

    async def test_a_settlement_publishes_what_was_used_once(self, scene: Scene) -> None:
        held = await self.held(scene)
        fact, later = used_alone(scene.ask, held, 40), used_alone(scene.ask, held, 40)

        for told in (fact, later):
            await scene.kernel.budgets.settle(scene.ask.tenant_id, held, (tokens(40),), (told,))

        assert (await scene.snapshot()).outgoing[scene.ask.tenant_id] == (fact.id,)

    async def test_a_settlement_that_is_refused_publishes_nothing(self, scene: Scene) -> None:
        held = await self.held(scene)
        await scene.kernel.budgets.release(scene.ask.tenant_id, held)

        with pytest.raises(ReservationEndedError):
            await scene.kernel.budgets.settle(
                scene.ask.tenant_id, held, (tokens(40),), (used_alone(scene.ask, held, 40),)
            )

        assert scene.ask.tenant_id not in (await scene.snapshot()).outgoing

    @pytest.mark.parametrize("uses", [(tokens(90),), (), (tokens(40), Use(Metric.IMAGES, 1, 1))])
    async def test_a_settlement_with_other_amounts_is_refused(
        self, scene: Scene, uses: tuple[Use, ...]
    ) -> None:
        held = await self.held(scene)
        await scene.kernel.budgets.settle(scene.ask.tenant_id, held, (tokens(40),))

        with pytest.raises(ReservationEndedError) as refusal:
            await scene.kernel.budgets.settle(scene.ask.tenant_id, held, uses)

        assert refusal.value.facts["state"] == "SETTLED"
        assert await scene.tokens() == (40, 0, 0)

    async def test_use_beyond_the_limit_is_overrun(self, scene: Scene) -> None:
        held = await self.held(scene)

        await scene.kernel.budgets.settle(scene.ask.tenant_id, held, (tokens(1200),))

        assert await scene.tokens() == (1200, 0, 200)

    async def test_a_settlement_tells_what_was_used_and_overrun_in_each_account(
        self, scene: Scene
    ) -> None:
        await scene.limit(ADA, 150)
        command = scene.ask.reserve(scene.ask.hold(100), scene.ask.hold(100, user="ada"))
        await scene.kernel.budgets.reserve(command)

        settled = await scene.kernel.budgets.settle(
            scene.ask.tenant_id, command.reservation_id, (tokens(170),)
        )

        assert settled.uses == (Quantity(Metric.TOKENS, 170),)
        assert settled.overruns == (0, 20)
        assert await scene.kernel.budgets.reserve(command) == settled

    async def test_an_overrun_leaves_nothing_for_others(self, scene: Scene) -> None:
        first = await self.held(scene)
        second = await self.held(scene)
        await scene.kernel.budgets.settle(scene.ask.tenant_id, first, (tokens(1200),))

        await scene.kernel.budgets.settle(scene.ask.tenant_id, second, (tokens(150),))

        assert await scene.tokens() == (1350, 0, 350)

    async def test_a_release_gives_everything_back(self, scene: Scene) -> None:
        held = await self.held(scene)

        reservation = await scene.kernel.budgets.release(scene.ask.tenant_id, held)

        assert reservation.state is ReservationState.RELEASED
        assert await scene.tokens() == (0, 0, 0)
        assert await scene.kernel.budgets.release(scene.ask.tenant_id, held) == reservation

    async def test_what_was_settled_is_not_released(self, scene: Scene) -> None:
        held = await self.held(scene)
        await scene.kernel.budgets.settle(scene.ask.tenant_id, held, (tokens(40),))

        with pytest.raises(ReservationEndedError):
            await scene.kernel.budgets.release(scene.ask.tenant_id, held)

    async def test_what_was_released_is_not_settled(self, scene: Scene) -> None:
        held = await self.held(scene)
        await scene.kernel.budgets.release(scene.ask.tenant_id, held)

        with pytest.raises(ReservationEndedError):
            await scene.kernel.budgets.settle(scene.ask.tenant_id, held, (tokens(40),))

    async def test_releases_reservations_whose_time_is_over(self, scene: Scene) -> None:
        expired = await self.held(scene)
        await scene.kernel.administrator.expire_reservations(scene.ask.tenant_id)
        held = await self.held(scene, 70)

        assert await scene.kernel.budgets.release_expired(100) >= 1

        rows = (await scene.snapshot()).reservations
        assert rows[expired].state is ReservationState.RELEASED
        assert rows[held].state is ReservationState.HELD
        assert await scene.tokens() == (0, 70, 0)
