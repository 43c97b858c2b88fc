"""The leases of turns: who drives, what is written meanwhile, and who takes over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from application.conversation.ports.leases import Driven, EventBatch, Renewal, Unread
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import Turn, TurnState
from domain.conversation.turn_event import Restarted, TurnEvent
from domain.kernel.identifiers import TurnId
from domain.tools.invocation import InvocationState
from tests.contract.commands import shown
from tests.contract.kernel import LEASE_SECONDS
from tests.contract.scene import Scene
from tests.fakes import NOON

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def batch(
    scene: Scene, turn_id: TurnId, events: tuple[TurnEvent, ...], *, fence: int = 1
) -> EventBatch:
    return EventBatch(scene.ask.tenant_id, turn_id, fence, events)


def names(found: Sequence[Turn | Unread]) -> set[TurnId]:
    return {one.id for one in found if isinstance(one, Turn)}


class TestRenew:
    async def test_renews_the_lease_and_raises_the_ceiling(self, scene: Scene) -> None:
        turn_id = await scene.running()
        renewal = Renewal(scene.ask.tenant_id, turn_id, 1, 2000)

        (left,) = await scene.kernel.one.leases.renew([renewal])

        assert left is not None
        assert 0 < left <= LEASE_SECONDS
        assert (await scene.snapshot()).turns[turn_id].ceiling == 2000

    async def test_never_lowers_the_ceiling(self, scene: Scene) -> None:
        turn_id = await scene.running()

        await scene.kernel.one.leases.renew([Renewal(scene.ask.tenant_id, turn_id, 1, 10)])

        assert (await scene.snapshot()).turns[turn_id].ceiling == 1000

    async def test_answers_each_in_its_place(self, scene: Scene) -> None:
        first = await scene.running()
        waiting = await scene.running()
        unknown = TurnId(scene.ask.identifiers.next())

        answers = await scene.kernel.one.leases.renew(
            [
                Renewal(scene.ask.tenant_id, turn_id, fence, 1000)
                for turn_id, fence in ((unknown, 1), (first, 2), (waiting, 0), (first, 1))
            ]
        )

        assert [answer is not None for answer in answers] == [False, False, False, True]

    async def test_of_nothing_answers_nothing(self, scene: Scene) -> None:
        assert list(await scene.kernel.one.leases.renew([])) == []


class TestAppend:
    async def test_writes_events_in_order(self, scene: Scene) -> None:
        turn_id = await scene.running()
        for events in (shown(1, 2), shown(3)):
            assert list(await scene.kernel.one.leases.append([batch(scene, turn_id, events)])) == [
                True
            ]

        found = await scene.kernel.reader.events(scene.ask.tenant_id, turn_id, 1, 10)

        assert list(found) == list(shown(2, 3))
        assert await scene.kernel.reader.last_sequence(scene.ask.tenant_id, turn_id) == 3

    async def test_writes_a_batch_once(self, scene: Scene) -> None:
        turn_id = await scene.running()
        events = batch(scene, turn_id, shown(1, 2))
        await scene.kernel.one.leases.append([events])

        assert list(await scene.kernel.one.leases.append([events])) == [True]

        found = await scene.kernel.reader.events(scene.ask.tenant_id, turn_id, 0, 10)
        assert list(found) == list(shown(1, 2))

    @pytest.mark.parametrize("fence", [0, 2])
    async def test_refuses_a_wrong_fence(self, scene: Scene, fence: int) -> None:
        turn_id = await scene.running()
        events = batch(scene, turn_id, shown(1), fence=fence)

        assert list(await scene.kernel.one.leases.append([events])) == [None]

    async def test_refuses_what_passes_the_ceiling(self, scene: Scene) -> None:
        turn_id = await scene.running()

        answers = await scene.kernel.one.leases.append(
            [batch(scene, turn_id, (*shown(1), TurnEvent(2, NOON, Restarted(2, 1001))))]
        )

        assert list(answers) == [None]

    async def test_refuses_a_turn_that_ended(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id))

        assert list(await scene.kernel.one.leases.append([batch(scene, turn_id, shown(9))])) == [
            None
        ]


class TestHandBack:
    async def test_lets_another_server_take_the_turn_over_at_once(self, scene: Scene) -> None:
        turn_id = await scene.running()
        mine = Driven(scene.ask.tenant_id, turn_id, 1)

        await scene.kernel.one.leases.hand_back([mine])

        taken = await scene.kernel.other.leases.take_over(1000)
        (found,) = [one for one in taken if one.turn.id == turn_id]
        assert (found.turn.fence, found.take_overs) == (2, 0)

    async def test_leaves_a_turn_that_another_server_has(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        await scene.kernel.other.leases.take_over(1000)
        before = await scene.snapshot()

        await scene.kernel.one.leases.hand_back([Driven(scene.ask.tenant_id, turn_id, 1)])

        assert await scene.snapshot() == before
        taken = await scene.kernel.one.leases.take_over(1000)
        assert turn_id not in {one.turn.id for one in taken}

    async def test_leaves_a_turn_that_ended(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.one.journal.finish(scene.ask.finish(turn_id))
        before = await scene.snapshot()

        await scene.kernel.one.leases.hand_back([Driven(scene.ask.tenant_id, turn_id, 1)])
        await scene.kernel.one.leases.hand_back([])

        assert await scene.snapshot() == before


class TestTakeOver:
    async def test_leaves_a_turn_whose_lease_runs(self, scene: Scene) -> None:
        turn_id = await scene.running()

        taken = await scene.kernel.other.leases.take_over(1000)

        assert turn_id not in {abandoned.turn.id for abandoned in taken}

    async def test_takes_a_turn_whose_lease_ran_out(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.one.leases.append([batch(scene, turn_id, shown(1, 2))])
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)

        taken = await scene.kernel.other.leases.take_over(1000)

        (abandoned,) = [one for one in taken if one.turn.id == turn_id]
        assert (abandoned.turn.fence, abandoned.last_written, abandoned.ceiling) == (2, 2, 1000)
        assert 0 < abandoned.lease_seconds <= LEASE_SECONDS
        row = (await scene.snapshot()).turns[turn_id]
        assert (row.owner, row.ceiling) == (scene.kernel.other.id, 2000)

    async def test_shuts_the_lost_driver_out(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        await scene.kernel.other.leases.take_over(1000)

        with pytest.raises(StaleFenceError):
            await scene.kernel.one.journal.finish(scene.ask.finish(turn_id))
        assert list(await scene.kernel.one.leases.append([batch(scene, turn_id, shown(1))])) == [
            None
        ]
        finished = scene.ask.finish(turn_id, fence=2, state=TurnState.FAILED)
        await scene.kernel.other.journal.finish(finished)

    async def test_takes_no_turn_twice(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)
        await scene.kernel.other.leases.take_over(1000)

        again = await scene.kernel.one.leases.take_over(1000)

        assert turn_id not in {abandoned.turn.id for abandoned in again}


class TestPromoted:
    async def test_is_told_to_the_server_that_accepted_it(self, scene: Scene) -> None:
        first = await scene.running()
        waiting = scene.ask.accept()
        await scene.kernel.other.journal.accept(waiting)
        await scene.kernel.one.journal.finish(scene.ask.finish(first))

        mine = await scene.kernel.other.leases.promoted(1000)
        others = await scene.kernel.one.leases.promoted(1000)

        (told,) = [one for one in mine if one.turn.id == waiting.turn_id]
        assert told.turn.fence == 1
        assert 0 < told.seconds_left <= 300
        assert 0 < told.lease_seconds <= LEASE_SECONDS
        assert waiting.turn_id not in {one.turn.id for one in others}

    async def test_is_told_with_what_is_left_of_its_lease(self, scene: Scene) -> None:
        first = await scene.running()
        waiting = await scene.running()
        await scene.kernel.one.journal.finish(scene.ask.finish(first))
        await scene.kernel.administrator.expire_leases(scene.ask.tenant_id)

        found = await scene.kernel.one.leases.promoted(1000)

        assert [one.lease_seconds for one in found if one.turn.id == waiting] == [0.0]

    async def test_is_told_until_somebody_drives_it(self, scene: Scene) -> None:
        first = await scene.running()
        waiting = await scene.running()
        await scene.kernel.one.journal.finish(scene.ask.finish(first))
        renewal = Renewal(scene.ask.tenant_id, waiting, 1, 1000)

        await scene.kernel.one.leases.renew([renewal])

        found = await scene.kernel.one.leases.promoted(1000)
        assert waiting not in {one.turn.id for one in found}


class TestDecided:
    async def test_names_paused_turns_that_wait_for_nobody(self, scene: Scene) -> None:
        turn_id = await scene.running()
        call = scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL)
        overdue = replace(call, expires_at=LONG_AGO)
        await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(overdue,)))

        found = await scene.kernel.other.leases.decided(1000)

        assert turn_id in names(found)

    async def test_leaves_turns_that_wait(self, scene: Scene) -> None:
        turn_id = await scene.running()
        call = scene.ask.call(turn_id, InvocationState.PENDING_APPROVAL)
        await scene.kernel.one.journal.pause(scene.ask.pause(turn_id, waiting=(call,)))

        found = await scene.kernel.other.leases.decided(1000)

        assert turn_id not in names(found)
