"""A turn that cannot be read ends all the same: when its time is over, or somebody cancels it."""

from asyncio import create_task
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from adapters.inmemory.language_model import called, said
from adapters.inmemory.stored_turn import StoredTurn
from application.conversation.ports.observing import TakenOver
from application.conversation.ports.reading import UnreadableError
from application.conversation.read_conversation import ReadTurn, ReadTurnQuery
from domain.conversation.errors import SequenceOutOfRangeError
from domain.conversation.message import ToolCall
from domain.conversation.turn import Turn, TurnState
from domain.conversation.turn_event import Cancelled, Failed, Restarted
from domain.kernel.identifiers import SessionId, TurnId
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState
from tests.builders import INVOCATION, SESSION, TENANT
from tests.doubles import answers, until, waits_forever
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, manifest, world
from tests.unit.application.conversation.lost_servers import hangs

Damage = Callable[[StoredTurn], StoredTurn]

OTHER_SESSION: Final = SessionId(INVOCATION)
MINUTE: Final = 60.0


def order(stored: StoredTurn) -> StoredTurn:
    return replace(stored, readable=False)


def checkpoint(stored: StoredTurn) -> StoredTurn:
    return replace(stored, checkpoint_readable=False)


damages = pytest.mark.parametrize("damage", [order, checkpoint])


def spoil(shared: World, turn_id: TurnId, damage: Damage) -> None:
    key = TENANT, turn_id
    shared.store.turns[key] = damage(shared.store.turns[key])


def kept(shared: World, turn_id: TurnId) -> Turn:
    return shared.store.turns[TENANT, turn_id].turn


async def hanging(server: Server) -> TurnId:
    """A turn of a minute whose model says nothing."""
    server.world.model.will_say(hangs())
    turn_id = await server.say(seconds=MINUTE)
    await until(lambda: server.world.model.open_streams == 1)
    return turn_id


@damages
async def test_it_is_left_while_its_time_runs_and_failed_when_it_is_over(
    shared: World, lost: Server, other: Server, damage: Damage
) -> None:
    turn_id = await hanging(lost)
    spoil(shared, turn_id, damage)
    shared.clock.advance(LEASE + 1)
    assert await other.sweep() == 1
    assert kept(shared, turn_id).state is TurnState.RUNNING

    shared.clock.advance(LEASE + 1)
    assert await other.sweep() == 1

    turn = kept(shared, turn_id)
    assert turn.failure is not None
    assert (turn.state, turn.failure.reason) == (TurnState.FAILED, "INTERNAL")
    assert shared.held(Metric.TOKENS) == 0
    assert shared.spent(Metric.TOKENS) == 0
    assert len(shared.store.records) == 1
    assert other.observer.taken == [TakenOver.BROKE, TakenOver.FAILED]
    assert [type(one) for one in other.observer.defects] == [UnreadableError] * 2
    void, failed = [one.body for one in await shared.reader.events(TENANT, turn_id, 0, 9)][-2:]
    assert isinstance(void, Restarted)
    assert isinstance(failed, Failed)


@damages
async def test_it_is_cancelled_once_its_lease_has_run_out(
    shared: World, lost: Server, other: Server, damage: Damage
) -> None:
    turn_id = await hanging(lost)
    spoil(shared, turn_id, damage)
    await other.signals.cancel(TENANT, turn_id, "ada")
    shared.clock.advance(LEASE + 1)

    await other.sweep()

    assert kept(shared, turn_id).state is TurnState.CANCELLED
    assert shared.held(Metric.TOKENS) == 0
    assert other.observer.taken == [TakenOver.CANCELLED]


async def test_its_neighbour_goes_on(shared: World, lost: Server, other: Server) -> None:
    shared.open(OTHER_SESSION)
    bad = await hanging(lost)
    shared.model.will_say(hangs())
    good = await lost.say("2", session_id=OTHER_SESSION, seconds=MINUTE)
    await until(lambda: shared.model.open_streams == 2)
    spoil(shared, bad, order)
    shared.model.will_say(said("Here I am."))
    shared.clock.advance(LEASE + 1)

    await other.sweep()

    assert (await other.settled(good)).state is TurnState.COMPLETED


async def test_a_call_that_it_had_started_is_written_down_as_unknown(
    shared: World, lost: Server, other: Server
) -> None:
    shared.tools.have("send", waits_forever, effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))
    turn_id = await lost.say(seconds=LEASE)
    await until(lambda: len(shared.tools.runs) == 1)
    spoil(shared, turn_id, order)
    shared.clock.advance(LEASE + 1)

    await other.sweep()

    (call,) = await shared.reader.invocations(TENANT, turn_id)
    assert call.state is InvocationState.UNKNOWN
    assert kept(shared, turn_id).state is TurnState.FAILED


async def test_it_is_watched_to_its_end(shared: World, lost: Server, other: Server) -> None:
    turn_id = await hanging(lost)
    watching = create_task(other.shown(turn_id))
    await until(lambda: (TENANT, turn_id) in shared.store.watchers)
    spoil(shared, turn_id, order)
    await lost.cancel(turn_id)
    other.watchers.ring(turn_id)

    events = await watching

    assert [type(one.body) for one in events[-1:]] == [Cancelled]
    last = events[-1].sequence
    assert await other.shown(turn_id) == events
    assert await other.shown(turn_id, after=last) == []
    with pytest.raises(SequenceOutOfRangeError):
        await other.shown(turn_id, after=last + 1)


@damages
async def test_one_that_is_paused_can_be_cancelled(damage: Damage) -> None:
    shared = await world(manifest(autonomy=2))
    server = Server(world=shared)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))
    paused = await server.answered()
    spoil(shared, paused.id, damage)

    await server.cancel(paused.id)

    assert kept(shared, paused.id).state is TurnState.CANCELLED
    (call,) = await shared.reader.invocations(TENANT, paused.id)
    assert call.state is InvocationState.EXPIRED


async def test_one_that_was_decided_about_is_told_of_and_stays() -> None:
    shared = await world(manifest(autonomy=2))
    server = Server(world=shared)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("call_1", "send", "{}")))
    paused = await server.answered()
    spoil(shared, paused.id, order)
    shared.clock.advance(3600 * 25)

    assert await server.sweep_decided() == 0

    assert kept(shared, paused.id).state is TurnState.PAUSED
    assert [type(one) for one in server.observer.defects] == [UnreadableError]


async def test_who_reads_it_is_told_how_it_ended(
    shared: World, lost: Server, other: Server
) -> None:
    turn_id = await hanging(lost)
    spoil(shared, turn_id, order)
    for _ in range(2):
        shared.clock.advance(LEASE + 1)
        await other.sweep()

    turn = await ReadTurn(reader=shared.reader)(
        ReadTurnQuery(tenant_id=TENANT, session_id=SESSION, turn_id=turn_id)
    )
    shown = await other.shown(turn_id)

    assert turn.failure is not None
    assert (turn.state, turn.failure.reason) == (TurnState.FAILED, "INTERNAL")
    assert isinstance(shown[-1].body, Failed)
