"""Decisions about calls that wait, and lists of calls."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.kernel.identifiers import InvocationId
from domain.tools.errors import InvocationAlreadyDecidedError, InvocationNotFoundError
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.commands import outcome
from tests.contract.scene import Scene

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


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
            scene.ask.tenant_id,
            call.id,
            approved=approved,
            by="eve",
            events=[scene.ask.fact()],
            expired=scene.ask.fact(),
        )

    @pytest.mark.parametrize(
        ("approved", "state"),
        [(True, InvocationState.PERMITTED), (False, InvocationState.REJECTED)],
    )
    async def test_are_written_with_who_and_when(
        self, scene: Scene, *, approved: bool, state: InvocationState
    ) -> None:
        (call,) = await self.paused(scene)

        before = await scene.kernel.clock.now()
        decided, ready = await self.decide(scene, call, approved=approved)
        after = await scene.kernel.clock.now()

        assert (decided.state, decided.decided_by) == (state, "eve")
        assert decided.decided_at is not None
        assert before <= decided.decided_at <= after
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

        started = await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())

        assert started.state is InvocationState.STARTED
        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())

    async def test_start_a_call_by_itself_once_though_the_answer_was_lost(
        self, scene: Scene
    ) -> None:
        call, start = scene.ask.call(None, InvocationState.PENDING_APPROVAL), scene.ask.start()
        await scene.kernel.effects.begin(call, "r", b"content")
        await self.decide(scene, call)
        started = await scene.kernel.effects.start(scene.ask.tenant_id, call.id, start)

        assert await scene.kernel.effects.start(scene.ask.tenant_id, call.id, start) == started

        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        await scene.kernel.effects.take_over(1000)
        with pytest.raises(InvocationAlreadyDecidedError):
            await scene.kernel.effects.start(scene.ask.tenant_id, call.id, start)

    async def test_do_not_start_a_call_of_a_turn(self, scene: Scene) -> None:
        (call,) = await self.paused(scene)
        await self.decide(scene, call)

        with pytest.raises(InvocationNotFoundError):
            await scene.kernel.effects.start(scene.ask.tenant_id, call.id, scene.ask.start())

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

    async def test_tell_the_session_of_a_calls_turn(self, scene: Scene) -> None:
        turn_id = await scene.running()
        waiting = scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL)
        await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(waiting,)))

        reader, tenant_id = scene.kernel.invocations, scene.ask.tenant_id
        state = InvocationState.PENDING_APPROVAL
        found = [
            await reader.invocation(tenant_id, waiting.id),
            *await reader.invocations(tenant_id, state=None, after=None, limit=9),
            *await reader.invocations(tenant_id, state=state, after=None, limit=9),
            *await reader.awaiting(tenant_id, after=None, limit=9),
        ]

        assert [one.session_id for one in found] == [scene.ask.session_id] * 4

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
