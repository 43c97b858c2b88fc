"""What was used and not held counts in the accounts of its reservation."""

from dataclasses import replace

import pytest

from domain.budget.account import Account, AccountKind, Use
from domain.kernel.metering import Metric
from tests.contract.commands import outcome, tokens
from tests.contract.scene import Scene

ADA = Account(AccountKind.USER, "ada")


async def test_what_was_not_held_counts_in_every_account_of_the_reservation(scene: Scene) -> None:
    for account, most in ((scene.ask.account, 500), (ADA, 30)):
        await scene.limit(account, most, Metric.IMAGES)
    await scene.limit(ADA, 100)
    command = scene.ask.reserve(scene.ask.hold(100), scene.ask.hold(100, user="ada"))
    await scene.kernel.budgets.reserve(command)

    settled = await scene.kernel.budgets.settle(
        scene.ask.tenant_id, command.reservation_id, (Use(Metric.IMAGES, 600, 1), tokens(40))
    )

    added = tuple(scene.ask.hold(0, Metric.IMAGES, user=user) for user in (None, "ada"))
    assert settled.holds == (*command.holds, *added)
    assert settled.overruns == (0, 0, 100, 570)
    assert await scene.sums(Metric.IMAGES) == (600, 0, 100)
    assert await scene.sums(Metric.IMAGES, "ada") == (600, 0, 570)
    assert await scene.tokens("ada") == (40, 0, 0)
    assert [len(line.accounts) for line in (await scene.snapshot()).ledger] == [2, 2]
    assert await scene.kernel.budgets.reserve(command) == settled


async def test_what_was_not_held_and_has_no_limit_counts_nowhere(scene: Scene) -> None:
    held = (await scene.kernel.budgets.reserve(scene.ask.reserve(scene.ask.hold(100)))).id

    settled = await scene.kernel.budgets.settle(
        scene.ask.tenant_id, held, (Use(Metric.IMAGES, 600, 1),)
    )

    assert settled.holds == (scene.ask.hold(100),)
    assert [line.accounts for line in (await scene.snapshot()).ledger] == [()]


@pytest.mark.parametrize("lapsed", [False, True])
async def test_a_call_by_itself_counts_beyond_its_reservation(
    scene: Scene, *, lapsed: bool
) -> None:
    kernel, ask = scene.kernel, scene.ask
    await scene.limit(ask.account, 5, Metric.TOOL_CALLS)
    command = ask.reserve(ask.hold(9))
    held = await kernel.budgets.reserve(command)
    call = await kernel.effects.begin(ask.call(None), "r", b"", reservation_id=held.id)
    if lapsed:
        await kernel.budgets.release(ask.tenant_id, held.id)

    uses = (Use(Metric.TOOL_CALLS, 7, 1),)
    await kernel.effects.finish(replace(outcome(call), uses=uses))

    settled = await kernel.budgets.reserve(command)
    assert settled.holds == (ask.hold(9), ask.hold(0, Metric.TOOL_CALLS))
    assert settled.overruns == (0, 2)
    assert await scene.sums(Metric.TOOL_CALLS) == (7, 0, 2)
    assert await scene.tokens() == (0, 0, 0)
