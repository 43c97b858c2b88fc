"""The journal of effects: written before, once, with an outcome that stands."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from application.tools.ports import Outcome
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import InvocationId, TurnId
from domain.tools.errors import InvocationAlreadyDecidedError, InvocationNotFoundError
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.scene import Scene

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def outcome(
    call: Invocation,
    state: InvocationState = InvocationState.SUCCEEDED,
    *,
    fence: int = 0,
    result: str = '{"sent":true}',
) -> Outcome:
    return Outcome(
        tenant_id=call.tenant_id,
        invocation_id=call.id,
        fence=fence,
        state=state,
        result=result,
        reason="" if state is InvocationState.SUCCEEDED else "it broke",
    )


class TestCallsByThemselves:
    async def begun(self, scene: Scene) -> Invocation:
        return await scene.kernel.effects.begin(scene.ask.call(None), "r", b"content")

    async def test_are_written_before_they_start(self, scene: Scene) -> None:
        call = scene.ask.call(None)

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

    async def test_may_become_known_after_they_were_unknown(self, scene: Scene) -> None:
        call = await self.begun(scene)
        await scene.kernel.effects.finish(outcome(call, InvocationState.UNKNOWN, result=""))

        ended = await scene.kernel.effects.finish(outcome(call))

        assert ended.state is InvocationState.SUCCEEDED

    async def test_refuse_a_wrong_fence(self, scene: Scene) -> None:
        call = await self.begun(scene)

        with pytest.raises(StaleFenceError):
            await scene.kernel.effects.finish(outcome(call, fence=1))

    async def test_refuse_an_outcome_before_they_are_approved(self, scene: Scene) -> None:
        call = scene.ask.call(None, InvocationState.PENDING_APPROVAL)
        await scene.kernel.effects.begin(call, "r", b"content")

        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.finish(outcome(call))

    async def test_are_unknown_when_their_server_is_lost(self, scene: Scene) -> None:
        call = await self.begun(scene)
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)

        assert await scene.kernel.effects.abandon_expired(100) >= 1

        found = await scene.kernel.invocations.invocation(scene.ask.tenant_id, call.id)
        assert found.state is InvocationState.UNKNOWN
        assert found.reason

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


class TestDecisions:
    async def paused(self, scene: Scene, calls: int = 1) -> list[Invocation]:
        turn_id = await scene.running()
        waiting = [scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL) for _ in range(calls)]
        await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=waiting))
        return waiting

    async def decide(
        self, scene: Scene, call: Invocation, *, approved: bool = True
    ) -> tuple[Invocation, bool]:
        return await scene.kernel.effects.decide(
            scene.ask.tenant_id, call.id, approved=approved, by="eve", at=AT, event=scene.ask.fact()
        )

    @pytest.mark.parametrize(
        ("approved", "state"),
        [(True, InvocationState.PERMITTED), (False, InvocationState.REJECTED)],
    )
    async def test_are_written_with_who_and_when(
        self, scene: Scene, *, approved: bool, state: InvocationState
    ) -> None:
        (call,) = await self.paused(scene)

        decided, ready = await self.decide(scene, call, approved=approved)

        assert (decided.state, decided.decided_by, decided.decided_at) == (state, "eve", AT)
        assert ready

    async def test_let_a_turn_go_on_with_the_last_of_them(self, scene: Scene) -> None:
        first, last = await self.paused(scene, 2)

        _, ready_after_first = await self.decide(scene, first, approved=False)
        _, ready_after_last = await self.decide(scene, last)

        assert (ready_after_first, ready_after_last) == (False, True)

    async def test_are_published_once(self, scene: Scene) -> None:
        (call,) = await self.paused(scene)
        before = (await scene.snapshot()).outgoing[scene.ask.session_id]

        await self.decide(scene, call)
        await self.decide(scene, call)

        told = (await scene.snapshot()).outgoing[scene.ask.session_id]
        assert len(told) == len(before) + 1

    async def test_let_a_call_by_itself_start_once(self, scene: Scene) -> None:
        call = scene.ask.call(None, InvocationState.PENDING_APPROVAL)
        await scene.kernel.effects.begin(call, "r", b"content")
        await self.decide(scene, call)

        started = await scene.kernel.effects.start(scene.ask.tenant_id, call.id)

        assert started.state is InvocationState.STARTED
        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.start(scene.ask.tenant_id, call.id)

    async def test_do_not_start_a_call_of_a_turn(self, scene: Scene) -> None:
        (call,) = await self.paused(scene)
        await self.decide(scene, call)

        with pytest.raises(InvocationNotFoundError):
            await scene.kernel.effects.start(scene.ask.tenant_id, call.id)

    async def test_may_be_told_again(self, scene: Scene) -> None:
        (call,) = await self.paused(scene)
        decided = await self.decide(scene, call)

        assert await self.decide(scene, call) == decided

    async def test_are_not_changed(self, scene: Scene) -> None:
        (call,) = await self.paused(scene)
        await self.decide(scene, call)

        with pytest.raises(InvocationAlreadyDecidedError):
            await self.decide(scene, call, approved=False)

    async def test_come_too_late_for_an_expired_call(self, scene: Scene) -> None:
        turn_id = await scene.running()
        call = replace(
            scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL), expires_at=LONG_AGO
        )
        await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(call,)))

        with pytest.raises(InvocationAlreadyDecidedError) as refusal:
            await self.decide(scene, call)

        assert refusal.value.facts["state"] == "EXPIRED"
        (row,) = (await scene.snapshot()).invocations.values()
        assert row.state is InvocationState.EXPIRED

    async def test_refuse_an_unknown_call(self, scene: Scene) -> None:
        with pytest.raises(InvocationNotFoundError):
            await self.decide(scene, scene.ask.call(None))


class TestReads:
    async def test_list_calls_newest_first(self, scene: Scene) -> None:
        calls = [scene.ask.call(None) for _ in range(3)]
        for number, call in enumerate(calls):
            await scene.kernel.effects.begin(call, str(number), b"content")
        await scene.kernel.effects.finish(outcome(calls[0]))

        async def listed(
            state: InvocationState | None, after: InvocationId | None, limit: int
        ) -> list[InvocationId]:
            found = await scene.kernel.invocations.invocations(
                scene.ask.tenant_id, state=state, after=after, limit=limit
            )
            return [call.id for call in found]

        first, second, third = (call.id for call in calls)
        assert await listed(None, None, 2) == [third, second]
        assert await listed(None, second, 9) == [first]
        assert await listed(InvocationState.STARTED, None, 9) == [third, second]

    async def test_list_what_waits_oldest_first(self, scene: Scene) -> None:
        waiting = [scene.ask.call(None, InvocationState.PENDING_APPROVAL) for _ in range(3)]
        overdue = replace(waiting[0], expires_at=LONG_AGO)
        for number, call in enumerate((overdue, *waiting[1:], scene.ask.call(None))):
            await scene.kernel.effects.begin(call, str(number), b"content")

        async def listed(after: InvocationId | None) -> list[InvocationId]:
            found = await scene.kernel.invocations.awaiting(
                scene.ask.tenant_id, after=after, limit=9
            )
            return [call.id for call in found]

        assert await listed(None) == [waiting[1].id, waiting[2].id]
        assert await listed(waiting[1].id) == [waiting[2].id]
