"""A driver that stops before it knows whether a step was made finds out before it ends its turn."""

from asyncio import Event, Task, create_task, shield
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar, final

from adapters.inmemory.language_model import called, said
from application.conversation.drive_turn import BROKEN
from application.conversation.ports.journal import ExtendTurn, Finished, FinishTurn
from application.conversation.ports.models import ModelText
from application.kernel.insisting import ATTEMPTS
from domain.conversation.errors import ModelFailedError
from domain.conversation.turn import TurnState
from domain.kernel.errors import StorageUnavailableError
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.doubles import FlakyJournal, answers, until
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, capability, manifest, world
from tests.unit.application.conversation.handing_journal import HandingJournal
from tests.unit.application.conversation.lost_servers import (
    CONTINUES,
    SEND,
    check_money,
    hangs,
    taken,
    told,
)
from tests.unit.application.conversation.paused_turns import asking_world, paused, waiting

T = TypeVar("T")


def away(times: int) -> Callable[[], Awaitable[None]]:
    """A database that does not get a step, so many times."""
    left = [StorageUnavailableError()] * times

    async def first() -> None:
        if left:
            raise left.pop()

    return first


async def breaks() -> None:
    """A step that meets a defect."""
    raise ZeroDivisionError


@final
@dataclass(slots=True)
class QueueingJournal(HandingJournal):
    """A journal whose steps wait in a queue, in which they stay when nobody waits for them."""

    open: Event = field(default_factory=Event)
    last: Task[object] | None = None

    async def extend(self, command: ExtendTurn) -> float:
        return await self._queued(lambda: self.journal.extend(command))

    async def finish(self, command: FinishTurn) -> Finished:
        return await self._queued(lambda: self.journal.finish(command))

    async def _queued(self, step: Callable[[], Awaitable[T]]) -> T:
        before = self.last

        async def commit() -> T:
            await self.open.wait()
            if before is not None:
                await before
            return await step()

        task = create_task(commit())
        self.last = task
        return await shield(task)


async def breaking_off() -> tuple[World, FlakyJournal, Server]:
    """A server whose model breaks off in an answer that its capsule lets another one go on with."""
    shared = await world(manifest(policy=CONTINUES))
    shared.capabilities = (capability(priority=1), capability("spare"))
    journal = FlakyJournal(Server(world=shared).plain_journal())
    broken = ModelFailedError("tiny", "it broke off")
    shared.model.will_say([ModelText("Half an ans"), broken], said("wer", "."))
    return shared, journal, Server(world=shared, journal=journal)


async def test_what_was_settled_unheard_is_not_billed_again_when_the_turn_is_cancelled() -> None:
    shared, journal, server = await breaking_off()
    renewed, _ = journal.hold_back("take_on")
    turn_id = await server.say()
    await renewed.wait()

    turn = await server.cancel(turn_id)

    assert turn.state is TurnState.CANCELLED
    check_money(shared, turn)


async def test_what_was_settled_is_not_billed_again_when_its_answers_were_all_lost() -> None:
    shared, journal, server = await breaking_off()
    journal.lost["take_on"] = ATTEMPTS

    turn = await server.answered()

    assert turn.state is TurnState.FAILED
    check_money(shared, turn)


async def test_what_was_not_settled_is_billed_at_the_end() -> None:
    shared, journal, server = await breaking_off()
    journal.first["take_on"] = away(ATTEMPTS + 1)

    turn = await server.answered()

    assert turn.state is TurnState.FAILED
    assert turn.usage.tokens > 0
    check_money(shared, turn)


async def test_a_turn_whose_parts_cannot_be_settled_for_a_defect_ends_as_broken() -> None:
    shared, journal, server = await breaking_off()
    journal.first["take_on"] = breaks

    turn = await server.answered()

    assert turn.failure == BROKEN
    assert [type(error) for error in server.observer.defects] == [ZeroDivisionError]
    check_money(shared, turn)


async def test_while_it_is_not_known_what_was_settled_the_turn_does_not_end() -> None:
    shared, journal, server = await breaking_off()
    journal.lost["take_on"] = 99
    turn_id = await server.say()
    await server.settled(turn_id)
    assert (await server.turn(turn_id)).state is TurnState.RUNNING

    shared.clock.advance(LEASE + 1)
    other = Server(world=shared, name="other")
    await other.sweep()
    turn = await other.settled(turn_id)

    assert turn.state.final
    check_money(shared, turn)


async def test_who_finds_that_another_server_has_the_turn_leaves_it() -> None:
    shared, journal, server = await breaking_off()
    other = Server(world=shared, name="other")
    tries: list[str] = []

    async def taken_over() -> None:
        tries.append("take_on")
        if len(tries) == ATTEMPTS:
            shared.clock.advance(LEASE + 1)
            await other.sweep()
        if len(tries) <= ATTEMPTS:
            raise StorageUnavailableError

    journal.first["take_on"] = taken_over
    turn_id = await server.say()
    await server.settled(turn_id)

    turn = await other.settled(turn_id)

    assert len(tries) == ATTEMPTS + 1
    assert (turn.state, turn.fence) == (TurnState.COMPLETED, 2)
    assert server.observer.ended == []
    check_money(shared, turn)


async def test_a_round_that_still_waits_to_be_committed_leaves_no_call_as_started(
    shared: World,
) -> None:
    shared.tools.have("send", answers("sent"), effect=True)
    journal = QueueingJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=journal)
    shared.model.will_say(called(SEND))
    turn_id = await server.say()
    await until(lambda: journal.last is not None)

    running = server.drivers.find(turn_id)
    assert running is not None
    begun, cancelling = journal.last, create_task(server.cancel(turn_id))
    await until(lambda: running.closing and journal.last is not begun)
    journal.open.set()
    turn = await cancelling

    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (turn.state, kept.state) == (TurnState.CANCELLED, InvocationState.UNKNOWN)
    assert shared.tools.runs == []
    check_money(shared, turn)
    (record,) = shared.store.records.values()
    assert str(kept.id).encode() in record.body


async def test_a_round_that_was_never_committed_leaves_no_call(shared: World) -> None:
    shared.tools.have("send", answers("sent"), effect=True)
    journal = FlakyJournal(Server(world=shared).plain_journal())
    journal.first["extend"] = away(ATTEMPTS)
    server = Server(world=shared, journal=journal)
    shared.model.will_say(called(SEND))

    turn = await server.answered()

    assert turn.state is TurnState.FAILED
    assert not await shared.reader.invocations(TENANT, turn.id)
    check_money(shared, turn)


async def test_a_turn_whose_round_cannot_be_committed_for_a_defect_ends_as_broken(
    shared: World,
) -> None:
    shared.tools.have("send", answers("sent"), effect=True)
    journal = FlakyJournal(Server(world=shared).plain_journal())
    journal.first["extend"] = breaks
    server = Server(world=shared, journal=journal)
    shared.model.will_say(called(SEND))

    turn = await server.answered()

    assert turn.failure == BROKEN
    assert shared.tools.runs == []
    check_money(shared, turn)


async def test_an_approved_call_whose_round_was_never_committed_is_denied() -> None:
    shared = await asking_world()
    journal = FlakyJournal(Server(world=shared).plain_journal())
    journal.first["extend"] = away(ATTEMPTS)
    server = Server(world=shared, journal=journal)
    turn_id = await paused(server)
    (call_id,) = await waiting(server, turn_id)
    await server.decided(call_id, approved=True)

    turn = await server.settled(turn_id)

    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (turn.state, kept.state) == (TurnState.FAILED, InvocationState.DENIED)
    assert shared.tools.runs == []
    check_money(shared, turn)


async def test_a_call_that_was_told_as_not_begun_is_written_down_by_whoever_goes_on() -> None:
    shared = await asking_world()
    journal = FlakyJournal(Server(world=shared).plain_journal())
    journal.first |= {"extend": away(ATTEMPTS), "finish": away(99)}
    server, other, third = (
        Server(world=shared, journal=journal),
        Server(world=shared, name="other"),
        Server(world=shared, name="third"),
    )
    turn_id = await paused(server)
    (call_id,) = await waiting(server, turn_id)
    await server.decided(call_id, approved=True)
    await server.settled(turn_id)
    shared.model.will_say(hangs(), said("It was not sent."))
    shared.clock.advance(LEASE + 1)
    await other.sweep()
    await told(other, turn_id, written=True)

    turn = await taken(third, turn_id)

    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "It was not sent.")
    assert kept.state is InvocationState.FAILED
    assert shared.tools.runs == []
    check_money(shared, turn)
