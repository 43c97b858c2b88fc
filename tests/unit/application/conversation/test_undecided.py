"""Calls of turns that nobody decides about any more: that is published with what ends the wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import pytest

from application.conversation.ports.models import TokenCounter
from domain.capability.capability import Capability
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import InvocationId, TurnId
from domain.tools.errors import ApprovalExpiredError
from domain.tools.events import ApprovalDecided
from domain.tools.invocation import InvocationState
from tests.builders import SESSION, TENANT
from tests.doubles import FlakyJournal
from tests.inmemory_application import Server
from tests.inmemory_world import World
from tests.unit.application.conversation.paused_turns import DAY, asking_world


@pytest.fixture
async def shared() -> World:
    return await asking_world("It was not sent.")


async def paused(server: Server) -> tuple[TurnId, InvocationId]:
    """A turn that waits, and the call that it waits for."""
    turn_id = await server.say("Send it")
    await server.settled(turn_id)
    (call,) = await server.world.reader.invocations(TENANT, turn_id)
    return turn_id, call.id


async def decided_alone(server: Server, call_id: InvocationId, *, approved: bool) -> None:
    """Decide about a call at a server that is lost before it goes on with the turn."""
    shared, facts = server.world, server.tend_approvals.facts
    call = await shared.invocations.invocation(TENANT, call_id)
    state = InvocationState.PERMITTED if approved else InvocationState.REJECTED
    await shared.effects.decide(
        TENANT,
        call_id,
        approved=approved,
        by="grace",
        events=[facts.decided(call, state, "grace")],
        expired=facts.decided(call, InvocationState.EXPIRED),
    )


def undecided(shared: World) -> list[InvocationId]:
    """The calls that were published as decided by nobody."""
    facts = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    found = [one for one in facts if isinstance(one, ApprovalDecided) and not one.decider]
    assert {one.state for one in found} <= {InvocationState.EXPIRED}
    return [one.invocation_id for one in found]


async def test_a_turn_that_nobody_decided_about_publishes_so_as_it_goes_on(
    shared: World, server: Server
) -> None:
    turn_id, call_id = await paused(server)
    shared.clock.advance(DAY + 1)

    assert await server.sweep_decided() == 1
    turn = await server.settled(turn_id)

    assert turn.state is TurnState.COMPLETED
    assert undecided(shared) == [call_id]


async def test_a_decision_too_late_and_the_resumption_after_it_publish_it_once(
    shared: World, server: Server
) -> None:
    turn_id, call_id = await paused(server)
    shared.clock.advance(DAY + 1)

    with pytest.raises(ApprovalExpiredError):
        await server.decided(call_id, approved=True)
    await server.sweep_decided()
    await server.settled(turn_id)

    assert undecided(shared) == [call_id]


@final
@dataclass(slots=True)
class BrokenOnce:
    """A `TokenCounter` with a defect that it has once."""

    kept: TokenCounter
    asked: int = 0

    async def count(self, capability: Capability, texts: Sequence[str]) -> Sequence[int]:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("broken")
        return await self.kept.count(capability, texts)

    def exact(self, capability: Capability) -> bool:
        return self.kept.exact(capability)


async def test_a_turn_that_cannot_go_on_by_a_defect_is_told_of_and_found_again(
    shared: World, server: Server
) -> None:
    turn_id, _ = await paused(server)
    shared.clock.advance(DAY + 1)
    shared.counter = BrokenOnce(shared.counter)
    other = Server(world=shared, name="other")

    assert [await other.sweep_decided() for _ in range(2)] == [0, 1]

    assert [str(one) for one in other.observer.defects] == ["broken"]
    assert (await other.settled(turn_id)).state is TurnState.COMPLETED


async def test_a_turn_that_is_cancelled_publishes_that_its_calls_are_given_up(
    shared: World, server: Server
) -> None:
    turn_id, call_id = await paused(server)

    await server.cancel(turn_id)

    assert undecided(shared) == [call_id]


@pytest.mark.parametrize(
    ("approved", "kept"), [(True, InvocationState.DENIED), (False, InvocationState.REJECTED)]
)
async def test_a_decision_while_its_turn_is_being_cancelled_is_the_only_one_that_is_published(
    shared: World, server: Server, *, approved: bool, kept: InvocationState
) -> None:
    turn_id, call_id = await paused(server)
    journal = FlakyJournal(server.plain_journal())
    other = Server(world=shared, name="other", journal=journal)

    journal.first["finish"] = partial(decided_alone, server, call_id, approved=approved)

    await other.cancel(turn_id)

    (call,) = await shared.reader.invocations(TENANT, turn_id)
    assert (call.state, call.decided_by) == (kept, "grace")
    facts = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    decisions = [one.decider for one in facts if isinstance(one, ApprovalDecided)]
    assert decisions == ["grace"]
