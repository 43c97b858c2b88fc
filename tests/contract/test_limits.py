"""Limits and usage: what an account may use, and what it has used."""

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from application.budget.ports import Limit
from domain.budget.account import Account, AccountKind, Balance
from domain.budget.errors import (
    BudgetExhaustedError,
)
from domain.kernel.errors import (
    EtagMismatchError,
    IdempotencyKeyReusedError,
    InvalidArgumentError,
)
from domain.kernel.metering import MAX_AMOUNT, Metric
from domain.kernel.request_key import RequestKey
from tests.contract.commands import tokens
from tests.contract.scene import Scene

ADA = Account(AccountKind.USER, "ada")


class TestLimits:
    async def test_are_listed_as_they_were_set(self, scene: Scene) -> None:
        await scene.limit(ADA, None)

        assert await scene.kernel.budgets.limits(scene.ask.tenant_id) == [
            Limit(scene.ask.account, Metric.TOKENS, 1000),
            Limit(ADA, Metric.TOKENS, None),
        ]

    async def test_a_raised_limit_gives_room_at_once(self, scene: Scene) -> None:
        await scene.limit(scene.ask.account, 2000)

        await scene.kernel.budgets.reserve(scene.ask.reserve(scene.ask.hold(2000)))

        assert await scene.tokens() == (0, 2000, 0)

    async def test_a_lowered_limit_takes_nothing_back_and_lets_nothing_in(
        self, scene: Scene
    ) -> None:
        held = scene.ask.reserve(scene.ask.hold(600))
        await scene.kernel.budgets.reserve(held)
        await scene.limit(scene.ask.account, 100)

        with pytest.raises(BudgetExhaustedError) as refusal:
            await scene.kernel.budgets.reserve(scene.ask.reserve(scene.ask.hold(1)))
        await scene.kernel.budgets.settle(scene.ask.tenant_id, held.reservation_id, (tokens(600),))

        assert refusal.value.facts["remaining"] == "-500"
        assert await scene.tokens() == (600, 0, 0)

    async def test_change_their_etag_with_their_amount(self, scene: Scene) -> None:
        first = await scene.limit(ADA, 10)
        same = await scene.limit(ADA, 10)
        other = await scene.limit(ADA, 20)
        back = await scene.limit(ADA, 10)

        assert same.etag == first.etag
        assert len({first.etag, other.etag, back.etag}) == 3
        assert back in await scene.kernel.budgets.limits(scene.ask.tenant_id)

    async def test_are_changed_under_the_etag_that_they_have(self, scene: Scene) -> None:
        first = await scene.limit(ADA, 10)

        second = await scene.limit(ADA, 20, etag=first.etag)

        with pytest.raises(EtagMismatchError):
            await scene.limit(ADA, 30, etag=first.etag)
        assert second in await scene.kernel.budgets.limits(scene.ask.tenant_id)

    async def test_that_do_not_exist_have_no_etag(self, scene: Scene) -> None:
        with pytest.raises(EtagMismatchError):
            await scene.limit(ADA, 10, etag="1")

        assert [one.account for one in await scene.kernel.budgets.limits(scene.ask.tenant_id)] == [
            scene.ask.account
        ]

    async def test_an_etag_that_cannot_be_one_is_refused(self, scene: Scene) -> None:
        with pytest.raises(EtagMismatchError):
            await scene.limit(scene.ask.account, 10, etag="one")
        with pytest.raises(InvalidArgumentError):
            await scene.limit(scene.ask.account, 10, etag="\0")

    async def test_of_changes_at_once_under_one_etag_one_is_made(self, scene: Scene) -> None:
        first = await scene.limit(ADA, 10)

        answers = await asyncio.gather(
            *(scene.limit(ADA, 20 + one, etag=first.etag) for one in range(5)),
            return_exceptions=True,
        )

        assert [type(answer) for answer in answers].count(EtagMismatchError) == 4

    async def test_asked_for_again_answer_as_at_first(self, scene: Scene) -> None:
        request, limit = scene.ask.request(), Limit(ADA, Metric.TOKENS, 10)

        async def ask(asked: RequestKey, etag: str = "") -> Limit:
            return await scene.kernel.budgets.set_limit(
                scene.ask.tenant_id, limit, etag=etag, request=asked
            )

        first = await ask(request)
        await scene.limit(ADA, 20)

        assert await ask(request, etag=first.etag) == first
        assert (await scene.limit(ADA, 20)).version == 2
        with pytest.raises(IdempotencyKeyReusedError):
            await ask(replace(request, digest=b"other"))

    @pytest.mark.parametrize("amount", [-1, MAX_AMOUNT + 1])
    async def test_out_of_range_are_refused(self, scene: Scene, amount: int) -> None:
        with pytest.raises(InvalidArgumentError):
            await scene.limit(scene.ask.account, amount)


class TestUsage:
    async def test_tells_the_present_month(self, scene: Scene) -> None:
        command = scene.ask.reserve(scene.ask.hold(900))
        await scene.kernel.budgets.reserve(command)
        await scene.kernel.budgets.settle(
            scene.ask.tenant_id, command.reservation_id, (tokens(850),)
        )

        (usage,) = await scene.kernel.budgets.usage(
            scene.ask.tenant_id, scene.ask.account_id(), None
        )

        assert usage.period.day == 1
        assert usage.balance == Balance(1000, spent=850, warned=80)

    @pytest.mark.parametrize(
        ("spent", "warned"), [(0, 0), (799, 0), (800, 80), (949, 80), (950, 95), (1000, 95)]
    )
    async def test_tells_which_warning_was_passed(
        self, scene: Scene, spent: int, warned: int
    ) -> None:
        command = scene.ask.reserve(scene.ask.hold(1000))
        await scene.kernel.budgets.reserve(command)
        await scene.kernel.budgets.settle(
            scene.ask.tenant_id, command.reservation_id, (tokens(spent),)
        )

        (usage,) = await scene.kernel.budgets.usage(
            scene.ask.tenant_id, scene.ask.account_id(), None
        )

        assert usage.balance.warned == warned

    async def test_tells_nothing_of_a_month_before(self, scene: Scene) -> None:
        found = await scene.kernel.budgets.usage(
            scene.ask.tenant_id, scene.ask.account_id(), date(2020, 1, 1)
        )

        assert list(found) == []

    async def test_is_of_one_tenant(self, scene: Scene) -> None:
        other = replace(scene.ask, tenant_id=type(scene.ask).fresh(scene.ask.identifiers).tenant_id)

        found = await scene.kernel.budgets.usage(other.tenant_id, scene.ask.account_id(), None)

        assert list(found) == []
