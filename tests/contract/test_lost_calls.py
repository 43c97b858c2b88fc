"""Calls by themselves whose server was lost: taken over under a fence, and paid for once."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from application.budget.ports import Limit
from application.tools.ports import LostCall, Outcome
from domain.budget.account import Use
from domain.conversation.errors import StaleFenceError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, ReservationId
from domain.kernel.metering import Metric
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.commands import outcome
from tests.contract.scene import Scene
from tests.contract.usage import used_by_call

ONE_CALL = Use(Metric.TOOL_CALLS, 1, 1)


async def begun(scene: Scene) -> tuple[Invocation, ReservationId]:
    """A call that runs, with one tool call held for it."""
    ask = scene.ask
    limit = Limit(ask.account, Metric.TOOL_CALLS, 10)
    await scene.kernel.budgets.set_limit(ask.tenant_id, limit, etag="", request=ask.request())
    reserve = ask.reserve(ask.hold(1, Metric.TOOL_CALLS))
    held = await scene.kernel.budgets.reserve(reserve)
    call = await scene.kernel.effects.begin(ask.call(None), "r", b"content", reservation_id=held.id)
    return call, held.id


def told(scene: Scene, call: Invocation, fence: int = 0) -> Outcome:
    """An outcome with the facts that belong to it."""
    fact = replace(scene.ask.fact(), key=scene.ask.tenant_id)
    return replace(
        outcome(call, fence=fence),
        outgoing=(fact,),
        uses=(ONE_CALL,),
        usage=used_by_call(scene.ask, call.id),
    )


async def calls(scene: Scene) -> tuple[int, int]:
    """Tool calls that are spent and held."""
    found = await scene.kernel.budgets.usage(scene.ask.tenant_id, scene.ask.account_id(), None)
    (used,) = [one for one in found if one.metric is Metric.TOOL_CALLS]
    return used.balance.spent, used.balance.held


async def taken_over(scene: Scene, here: Collection[InvocationId] = ()) -> Sequence[LostCall]:
    await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
    lost = await scene.kernel.effects.take_over(100, here=here)
    return [one for one in lost if one.invocation.tenant_id == scene.ask.tenant_id]


async def published(scene: Scene) -> Sequence[object]:
    return (await scene.snapshot()).outgoing.get(scene.ask.tenant_id, ())


class TestAnEnd:
    async def test_settles_and_is_told_with_its_facts(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        end = told(scene, call)

        await scene.kernel.effects.finish(end)

        assert await calls(scene) == (1, 0)
        (line,) = (await scene.snapshot()).ledger
        assert line.reference_id == call.id
        facts: list[DomainEvent | None] = [*end.outgoing, end.usage]
        assert list(await published(scene)) == [fact.id for fact in facts if fact is not None]

    async def test_is_paid_for_and_told_once(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        end = told(scene, call)
        await scene.kernel.effects.finish(end)

        await scene.kernel.effects.finish(end)

        assert await calls(scene) == (1, 0)
        assert len(await published(scene)) == 2
        assert len((await scene.snapshot()).ledger) == 1

    async def test_is_paid_for_when_its_reservation_has_lapsed(self, scene: Scene) -> None:
        call, reservation_id = await begun(scene)
        await scene.kernel.budgets.release(scene.ask.tenant_id, reservation_id)

        await scene.kernel.effects.finish(told(scene, call))

        assert await calls(scene) == (1, 0)
        assert len(await published(scene)) == 2

    async def test_tells_no_use_where_nothing_was_reserved(self, scene: Scene) -> None:
        call = await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")

        await scene.kernel.effects.finish(told(scene, call))

        assert len(await published(scene)) == 1
        assert (await scene.snapshot()).ledger == ()


class TestALostCall:
    async def test_is_taken_over_under_a_new_fence(self, scene: Scene) -> None:
        call, _ = await begun(scene)

        (lost,) = await taken_over(scene)

        assert (lost.invocation.id, lost.fence) == (call.id, 1)
        (row,) = (await scene.snapshot()).invocations.values()
        assert (row.state, row.fence, row.leased) == (InvocationState.STARTED, 1, True)

    async def test_is_left_alone_where_it_runs(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        other = await scene.kernel.effects.begin(scene.ask.call(None), "other", b"content")

        (lost,) = await taken_over(scene, here={call.id})

        assert lost.invocation.id == other.id
        (again,) = await taken_over(scene, here={other.id})
        assert (again.invocation.id, again.fence) == (call.id, 1)

    async def test_is_taken_over_by_one_server(self, scene: Scene) -> None:
        await begun(scene)
        await taken_over(scene)

        assert [
            one
            for one in await scene.kernel.effects.take_over(100)
            if one.invocation.tenant_id == scene.ask.tenant_id
        ] == []

    async def test_is_taken_over_again_when_its_new_server_is_lost_too(self, scene: Scene) -> None:
        await begun(scene)
        await taken_over(scene)

        (lost,) = await taken_over(scene)

        assert lost.fence == 2

    async def test_refuses_the_outcome_of_the_server_that_lost_it(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        await taken_over(scene)

        with pytest.raises(StaleFenceError):
            await scene.kernel.effects.finish(told(scene, call))

        assert await calls(scene) == (0, 1)
        assert await published(scene) == ()

    async def test_ends_under_the_new_fence(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        await taken_over(scene)

        ended = await scene.kernel.effects.finish(told(scene, call, fence=1))

        assert ended.state is InvocationState.SUCCEEDED
        assert await calls(scene) == (1, 0)

    async def test_brings_what_its_recovery_needs(self, scene: Scene) -> None:
        asked = replace(scene.ask.call(None), tenant="acme", session_id=scene.ask.session_id)
        await scene.kernel.effects.begin(asked, "r", b"content")

        (lost,) = await taken_over(scene)

        assert lost.invocation == asked

    async def test_of_a_turn_is_left_to_its_turn(self, scene: Scene) -> None:
        turn_id = await scene.running()
        call = scene.ask.call(turn_id)
        await scene.kernel.one.journal.extend(scene.ask.extend(turn_id, started=(call,)))

        assert await taken_over(scene) == []


class TestALease:
    async def test_is_renewed_by_the_server_that_has_it(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)

        assert await scene.kernel.effects.renew(call.tenant_id, call.id, 0)

        assert [
            one
            for one in await scene.kernel.effects.take_over(100)
            if one.invocation.tenant_id == scene.ask.tenant_id
        ] == []

    async def test_is_not_renewed_by_the_server_that_lost_it(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        await taken_over(scene)

        assert not await scene.kernel.effects.renew(call.tenant_id, call.id, 0)
        assert await scene.kernel.effects.renew(call.tenant_id, call.id, 1)

    async def test_ends_with_the_call(self, scene: Scene) -> None:
        call, _ = await begun(scene)
        await scene.kernel.effects.finish(told(scene, call))

        assert not await scene.kernel.effects.renew(call.tenant_id, call.id, 0)
        assert await taken_over(scene) == []
