"""Warnings of budgets: due once a limit is nearly used up, told once."""

from application.budget.announce_warnings import AnnounceWarnings
from application.budget.ports import PassedLimit
from domain.kernel.metering import Metric
from tests.contract.commands import tokens
from tests.contract.scene import Scene
from tests.fakes import StoppedClock

MANY = 10_000


async def spend(scene: Scene, amount: int) -> None:
    command = scene.ask.reserve(scene.ask.hold(amount))
    await scene.kernel.budgets.reserve(command)
    await scene.kernel.budgets.settle(
        scene.ask.tenant_id, command.reservation_id, (tokens(amount),)
    )


async def due(scene: Scene) -> list[PassedLimit]:
    found = await scene.kernel.warnings.due(MANY)
    return [passed for passed in found if passed.tenant_id == scene.ask.tenant_id]


async def announce(scene: Scene) -> None:
    tell = AnnounceWarnings(
        warnings=scene.kernel.warnings, clock=StoppedClock(), identifiers=scene.ask.identifiers
    )
    await tell(MANY)


class TestWarnings:
    async def test_are_not_due_while_enough_is_left(self, scene: Scene) -> None:
        await spend(scene, 799)

        assert await due(scene) == []

    async def test_are_due_once_a_percentage_was_passed(self, scene: Scene) -> None:
        await spend(scene, 800)

        (passed,) = await due(scene)

        assert (passed.metric, passed.account.id_in(passed.tenant_id)) == (
            Metric.TOKENS,
            scene.ask.account_id(),
        )
        assert (passed.limit, passed.spent, passed.percents) == (1000, 800, (80,))

    async def test_are_due_for_both_when_both_were_passed_at_once(self, scene: Scene) -> None:
        await spend(scene, 960)

        (passed,) = await due(scene)

        assert passed.percents == (80, 95)

    async def test_are_due_after_a_turn(self, scene: Scene) -> None:
        turn_id = await scene.running(900)
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id, tokens(900)))

        (passed,) = await due(scene)

        assert passed.percents == (80,)

    async def test_are_published_once_each(self, scene: Scene) -> None:
        await spend(scene, 850)
        await announce(scene)
        await announce(scene)
        assert len((await scene.snapshot()).outgoing[scene.ask.tenant_id]) == 1
        await spend(scene, 100)

        await announce(scene)

        assert len((await scene.snapshot()).outgoing[scene.ask.tenant_id]) == 2
        assert await due(scene) == []

    async def test_are_not_told_again_after_the_limit_was_raised(self, scene: Scene) -> None:
        await spend(scene, 850)
        await announce(scene)
        await scene.limit(scene.ask.account, 1050)

        await spend(scene, 1)

        assert await due(scene) == []
