"""The journal of effects: written before, once, with an outcome that stands."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from application.budget.ports import ReserveHolds
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import (
    IdempotencyKeyReusedError,
    InvalidArgumentError,
    RequestExpiredError,
)
from domain.kernel.identifiers import InvocationId, KeyId, ReservationId, TurnId
from domain.tools.errors import InvocationAlreadyDecidedError, InvocationNotFoundError
from domain.tools.invocation import Invocation, InvocationState
from tests.builders import CAPSULE_VERSION
from tests.contract.commands import outcome
from tests.contract.scene import Scene

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class TestCallsByThemselves:
    async def begun(self, scene: Scene) -> Invocation:
        return await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")

    async def test_are_written_before_they_start(self, scene: Scene) -> None:
        key_id = KeyId(scene.ask.start())
        call = replace(scene.ask.call(None), capsule_version_id=CAPSULE_VERSION, key_id=key_id)

        begun = await scene.kernel.effects.begin(call, "r", b"content")

        assert begun == call
        assert await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id) == call

    async def test_begin_once_per_request_id(self, scene: Scene) -> None:
        begun = await self.begun(scene)

        assert await self.begun(scene) == begun

        assert len((await scene.snapshot()).invocations) == 1

    async def test_refuse_a_request_id_with_other_content(self, scene: Scene) -> None:
        await self.begun(scene)

        with pytest.raises(IdempotencyKeyReusedError):
            await scene.kernel.effects.begin(scene.ask.call(None), "r", b"other")

    async def test_begin_on_no_reservation_that_another_call_has_settled(
        self, scene: Scene
    ) -> None:
        budgets, tenant_id = scene.kernel.budgets, scene.ask.tenant_id
        held = await budgets.reserve(
            ReserveHolds(
                tenant_id=tenant_id,
                reservation_id=ReservationId(scene.ask.call(None).id),
                request_id="tool:r",
                digest=b"content",
                holds=(),
                seconds=60,
            )
        )
        first = await scene.kernel.effects.begin(
            scene.ask.call(None), "r", b"content", reservation_id=held.id
        )
        await budgets.settle(tenant_id, held.id, ())

        with pytest.raises(RequestExpiredError):
            await scene.kernel.effects.begin(
                scene.ask.call(None), "forgotten", b"content", reservation_id=held.id
            )

        assert len((await scene.snapshot()).invocations) == 1
        again = scene.ask.call(None)
        known = await scene.kernel.effects.begin(again, "r", b"content", reservation_id=held.id)
        assert known.id == first.id

    async def test_end_with_an_outcome(self, scene: Scene) -> None:
        call = await self.begun(scene)

        ended = await scene.kernel.effects.finish(outcome(call))

        assert (ended.state, ended.result) == (InvocationState.SUCCEEDED, '{"sent":true}')
        assert ended.finished_at is not None

    async def test_keep_their_outcome_when_it_is_told_again(self, scene: Scene) -> None:
        call = await self.begun(scene)
        ended = await scene.kernel.effects.finish(outcome(call))

        assert await scene.kernel.effects.finish(outcome(call)) == ended

    async def test_refuse_another_outcome(self, scene: Scene) -> None:
        call = await self.begun(scene)
        await scene.kernel.effects.finish(outcome(call))

        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.finish(outcome(call, InvocationState.FAILED))

    async def test_stay_unknown_until_a_person_says_otherwise(self, scene: Scene) -> None:
        call = await self.begun(scene)
        await scene.kernel.effects.finish(outcome(call, InvocationState.UNKNOWN, result=""))

        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.finish(outcome(call))

    async def test_refuse_a_wrong_fence(self, scene: Scene) -> None:
        call = await self.begun(scene)

        with pytest.raises(StaleFenceError):
            await scene.kernel.effects.finish(outcome(call, fence=1))

    async def test_refuse_an_outcome_before_they_are_approved(self, scene: Scene) -> None:
        call = scene.ask.call(None, InvocationState.PENDING_APPROVAL)
        await scene.kernel.effects.begin(call, "r", b"content")

        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.finish(outcome(call))

    @pytest.mark.parametrize("result", ["a\0b", "\ud800"])
    async def test_refuse_a_result_that_cannot_be_kept(self, scene: Scene, result: str) -> None:
        call = await self.begun(scene)

        with pytest.raises(InvalidArgumentError):
            await scene.kernel.effects.finish(outcome(call, result=result))

    @pytest.mark.parametrize("arguments", ["a\0b", "\ud800"])
    async def test_refuse_arguments_that_cannot_be_kept(self, scene: Scene, arguments: str) -> None:
        call = replace(scene.ask.call(None), arguments=arguments)

        with pytest.raises(InvalidArgumentError):
            await scene.kernel.effects.begin(call, "r", b"content")

    async def test_are_not_found_by_others(self, scene: Scene) -> None:
        call = await self.begun(scene)
        stranger = type(scene.ask).fresh(scene.ask.identifiers).tenant_id

        with pytest.raises(InvocationNotFoundError):
            await scene.kernel.invocations.invocation(stranger, call.id)


class TestCallsOfTurns:
    async def started(self, scene: Scene) -> tuple[TurnId, Invocation]:
        turn_id = await scene.running()
        call = scene.ask.call(turn_id)
        await scene.kernel.one.journal.extend(scene.ask.extend(turn_id, started=(call,)))
        return turn_id, call

    async def test_end_under_the_turns_fence(self, scene: Scene) -> None:
        _, call = await self.started(scene)

        ended = await scene.kernel.effects.finish(outcome(call, fence=1))

        assert ended.state is InvocationState.SUCCEEDED

    async def test_refuse_the_outcome_of_a_driver_that_was_replaced(self, scene: Scene) -> None:
        _, call = await self.started(scene)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        await scene.kernel.other.leases.take_over(100)

        with pytest.raises(StaleFenceError):
            await scene.kernel.effects.finish(outcome(call, fence=1))

        ended = await scene.kernel.effects.finish(
            outcome(call, InvocationState.UNKNOWN, fence=2, result="")
        )
        assert ended.state is InvocationState.UNKNOWN

    async def test_refuse_an_outcome_after_the_turn_ended(self, scene: Scene) -> None:
        turn_id, call = await self.started(scene)
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id))

        with pytest.raises(StaleFenceError):
            await scene.kernel.effects.finish(outcome(call, fence=1))

    async def test_refuse_an_unknown_call(self, scene: Scene) -> None:
        call = replace(scene.ask.call(None), id=InvocationId(scene.ask.identifiers.next()))

        with pytest.raises(InvocationNotFoundError):
            await scene.kernel.effects.finish(outcome(call))
