"""A lease counts from when it was asked for, however long its answer is in coming."""

import asyncio
from asyncio import Event
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import pytest

from adapters.inmemory.language_model import called
from application.conversation.ports.leases import Renewal
from application.conversation.ports.models import ModelText
from application.conversation.running_turn import RunningTurn
from domain.conversation.errors import ModelFailedError, StaleFenceError
from domain.conversation.message import ToolCall
from domain.kernel.identifiers import TurnId
from tests.builders import TENANT
from tests.doubles import FlakyJournal, answers, until
from tests.fakes import StoppedClock
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, manifest, world
from tests.unit.application.conversation.handing_leases import HandingLeases
from tests.unit.application.conversation.lost_servers import CONTINUES

LATE = LEASE / 4
"""So long an answer is under way: no sweep has anything to take by then."""

SEND = ToolCall("call_1", "send", "{}")


@final
@dataclass(slots=True)
class LateLeases(HandingLeases):
    """Leases whose renewals are made at once, and answered when so many seconds are over."""

    clock: StoppedClock
    seconds: float

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        answers = await self.leases.renew(renewals)
        self.clock.advance(self.seconds)
        return answers


def flaky(shared: World) -> FlakyJournal:
    return FlakyJournal(Server(world=shared).plain_journal())


async def answer_late(shared: World, done: Event, go: Event) -> None:
    """Let a step's answer go when it has been under way for some time."""
    await done.wait()
    shared.clock.advance(LATE)
    go.set()


async def asked_again(shared: World, server: Server, turn_id: TurnId, times: int) -> RunningTurn:
    """The turn when the model has been asked so often, and answers nothing."""
    await until(lambda: len(shared.model.requests) == times and shared.model.open_streams == 1)
    running = server.drivers.find(turn_id)
    assert running is not None
    return running


async def test_that_of_an_acceptance(shared: World) -> None:
    journal = flaky(shared)
    server = Server(world=shared, journal=journal)
    accepted, go = journal.hold_back("accept")
    shared.model.will_say([Event()])
    saying = asyncio.create_task(server.say())
    await answer_late(shared, accepted, go)

    running = await asked_again(shared, server, await saying, 1)

    assert running.lease_left == LEASE - LATE


async def test_that_of_a_renewal(shared: World) -> None:
    server = Server(world=shared)
    server.drivers.leases = LateLeases(server.leases, shared.clock, LATE)
    shared.model.will_say([Event()])
    running = await asked_again(shared, server, await server.say(), 1)
    shared.clock.advance(LEASE / 2)

    await server.drivers.keep()

    assert running.lease_left == LEASE - LATE


async def test_a_renewal_whose_answer_comes_after_its_lease_renews_nothing(shared: World) -> None:
    server = Server(world=shared)
    server.drivers.leases = LateLeases(server.leases, shared.clock, LEASE + 1)
    shared.model.will_say([Event()])
    running = await asked_again(shared, server, await server.say(), 1)
    shared.clock.advance(LEASE / 2)

    await server.drivers.keep()

    with pytest.raises(StaleFenceError):
        running.check()


async def test_that_of_a_round_of_tools(shared: World) -> None:
    journal = flaky(shared)
    server = Server(world=shared, journal=journal)
    reserved, go = journal.hold_back("extend")
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(SEND), [Event()])
    turn_id = await server.say()
    await answer_late(shared, reserved, go)

    running = await asked_again(shared, server, turn_id, 2)

    assert running.lease_left == LEASE - LATE


async def test_that_of_an_answer_that_is_gone_on_with() -> None:
    shared = await world(manifest(policy=CONTINUES))
    journal = flaky(shared)
    server = Server(world=shared, journal=journal)
    reserved, go = journal.hold_back("take_on")
    broken = ModelFailedError("tiny", "it broke off")
    shared.model.will_say([ModelText("Half"), broken], [Event()])
    turn_id = await server.say()
    await answer_late(shared, reserved, go)

    running = await asked_again(shared, server, turn_id, 2)

    assert running.lease_left == LEASE - LATE


async def test_that_of_a_turn_that_was_taken_over(shared: World) -> None:
    lost = Server(world=shared, name="lost")
    shared.model.will_say([Event()], [Event()])
    turn_id = await lost.say()
    await until(lambda: shared.model.open_streams == 1)
    shared.clock.advance(LEASE + 1)
    other = Server(world=shared, name="other")
    journal = FlakyJournal(other.plain_journal())
    other = Server(world=shared, name="other", journal=journal)
    reserved, go = journal.hold_back("take_on")
    sweeping = asyncio.create_task(other.sweep())
    await answer_late(shared, reserved, go)
    await sweeping

    await until(lambda: len(shared.model.requests) == 2)
    running = other.drivers.find(turn_id)

    assert running is not None
    assert running.lease_left == LEASE - LATE


async def test_that_of_a_turn_that_is_resumed() -> None:
    shared = await world(manifest(autonomy=2))
    journal = flaky(shared)
    server = Server(world=shared, journal=journal)
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(SEND), [Event()])
    turn_id = await server.say()
    await server.settled(turn_id)
    (call,) = await shared.reader.invocations(TENANT, turn_id)
    resumed, go = journal.hold_back("resume")
    goes_on, _ = journal.hold_back("extend")  # which has a lease of its own
    deciding = asyncio.create_task(server.decided(call.id, approved=True))
    await answer_late(shared, resumed, go)
    await deciding
    await goes_on.wait()

    running = server.drivers.find(turn_id)

    assert running is not None
    assert running.lease_left == LEASE - LATE
