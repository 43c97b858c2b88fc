"""A server that is told to stop hands back what it cannot bring to an end."""

from asyncio import CancelledError, Event, create_task
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import final

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.ports.leases import Renewal
from application.conversation.ports.models import ModelText
from domain.conversation.interruption import MOST_TAKE_OVERS
from domain.conversation.message import ToolCall
from domain.conversation.turn import TurnState
from domain.tools.invocation import APPROVAL_TIME
from tests.builders import TENANT
from tests.doubles import FlakyJournal, answers, until
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, manifest, world
from tests.unit.application.conversation.handing_leases import HandingLeases
from tests.unit.application.conversation.lost_servers import asked, check_money, hangs, trace


@pytest.fixture
async def shared() -> World:
    return await world(manifest(intelligence=5))


@pytest.fixture
def server(shared: World) -> Server:
    return Server(world=shared, name="leaving")


async def test_a_turn_that_does_not_end_in_time_goes_on_elsewhere_at_once(
    shared: World, server: Server, other: Server
) -> None:
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("a", "send", "{}")), hangs(), said("It was sent."))
    turn_id = await server.say("Send it")
    await asked(shared, 2)

    assert await server.drivers.drain(0.01) == 1
    assert shared.model.open_streams == 0
    assert await other.sweep() == 1

    turn = await other.settled(turn_id)
    assert turn.answer == "It was sent."
    assert len(shared.tools.runs) == 1
    assert [one.outcome for one in (await trace(other, turn_id)).attempts] == [
        "ok", "interrupted", "ok"
    ]  # fmt: skip
    check_money(shared, turn)


async def test_a_turn_that_is_handed_back_again_and_again_is_not_given_up(
    shared: World, server: Server
) -> None:
    shared.model.will_say(hangs())
    turn_id = await server.say()
    leaving = server
    for place in range(MOST_TAKE_OVERS + 2):
        await until(lambda: shared.model.open_streams == 1)
        assert await leaving.drivers.drain(0.01) == 1
        leaving = Server(world=shared, name=f"server {place}")
        assert await leaving.sweep() == 1

    shared.model.will_say(said("At last."))
    await until(lambda: shared.model.open_streams == 1)
    await leaving.drivers.drain(0.01)
    last = Server(world=shared, name="last")
    await last.sweep()

    assert (await last.settled(turn_id)).answer == "At last."


async def test_a_turn_whose_end_is_being_made_is_not_handed_back(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server, other = Server(world=shared, journal=flaky), Server(world=shared, name="other")
    shared.model.will_say([ModelText("Done."), *said()])
    done, go = flaky.hold_back("finish")
    turn_id = await server.say()
    await done.wait()

    draining = create_task(server.drivers.drain(0.01))
    await until(lambda: server.drivers.leaving)
    go.set()

    assert await draining == 0
    assert (await server.turn(turn_id)).state is TurnState.COMPLETED
    assert await other.sweep() == 0


async def test_a_turn_whose_tool_runs_goes_on_with_an_unknown_outcome(
    shared: World, server: Server, other: Server
) -> None:
    never = Event()

    async def runs() -> str:
        await never.wait()
        return ""

    shared.tools.have("send", runs, effect=True)
    shared.model.will_say(called(ToolCall("a", "send", "{}")), said("Nobody knows."))
    turn_id = await server.say("Send it")
    await until(lambda: len(shared.tools.runs) == 1)

    await server.drivers.drain(0.01)
    await other.sweep()

    assert (await other.settled(turn_id)).answer == "Nobody knows."
    assert len(shared.tools.runs) == 1


@final
@dataclass(slots=True)
class LateLeases(HandingLeases):
    """Leases that are renewed at once, and say so when they are told to."""

    renewed: Event = field(default_factory=Event)
    free: Event = field(default_factory=Event)

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        answers = await self.leases.renew(renewals)
        self.renewed.set()
        await self.free.wait()
        return answers


async def test_a_renewal_that_is_answered_after_its_turn_was_handed_back_gives_no_lease(
    shared: World, server: Server
) -> None:
    leases = server.drivers.leases = LateLeases(server.leases)
    go = Event()

    async def deaf() -> str:
        with suppress(CancelledError):
            await Event().wait()
        await go.wait()
        return "noon"

    shared.tools.have("clock", deaf)
    shared.model.will_say(called(ToolCall("a", "clock", "{}")), said("It is noon."))
    turn_id = await server.say("What time is it?")
    await until(lambda: len(shared.tools.runs) == 1)
    running = server.drivers.find(turn_id)
    assert running is not None
    shared.clock.advance(LEASE / 2)
    keeping = create_task(server.drivers.keep())
    await leases.renewed.wait()

    assert await server.drivers.drain(0.01) == 1
    leases.free.set()
    await keeping
    go.set()
    await running.ended.wait()

    assert running.lease_left < 0
    assert len(shared.model.requests) == 1
    assert (await server.turn(turn_id)).state is TurnState.RUNNING


@pytest.mark.parametrize("swept", [False, True])
async def test_a_turn_that_is_decided_about_goes_on_at_a_server_that_stays(*, swept: bool) -> None:
    shared = await world(manifest(autonomy=2))
    server, other = Server(world=shared, name="leaving"), Server(world=shared, name="other")
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(ToolCall("a", "send", "{}")), said("It was sent."))
    paused = await server.answered()
    (waiting,) = await shared.reader.invocations(TENANT, paused.id)
    await server.drivers.drain(0.01)

    if swept:
        shared.clock.advance(APPROVAL_TIME.total_seconds() + 1)
        assert await server.sweep_decided() == 0
    else:
        await server.decided(waiting.id, approved=True)
    assert (await server.turn(paused.id)).state is TurnState.PAUSED

    assert await other.sweep_decided() == 1
    assert (await other.settled(paused.id)).state is TurnState.COMPLETED
