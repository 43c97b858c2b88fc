"""A paused turn goes on wherever and whenever it can, and ends where it never can."""

from asyncio import create_task

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.trace_reading import trace_of
from domain.budget.events import UsageRecorded
from domain.conversation.message import ToolCall
from domain.conversation.phase import Phase
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import (
    Paused,
)
from domain.kernel.metering import Metric
from domain.tools.errors import (
    ApprovalExpiredError,
)
from domain.tools.invocation import InvocationState
from tests.builders import SESSION, TENANT, remembered
from tests.doubles import FlakyJournal, answers, until
from tests.inmemory_application import Server
from tests.inmemory_world import World, manifest
from tests.unit.application.conversation.paused_turns import DAY, asking_world, paused, waiting


@pytest.fixture
async def shared() -> World:
    return await asking_world()


async def test_a_call_that_nobody_decided_in_time_has_expired(
    shared: World, server: Server
) -> None:
    calls = (ToolCall("a", "send", "{}"), ToolCall("b", "clock", "{}"))
    shared.model.will_say(called(*calls), said("Too late."))
    turn_id = await paused(server)
    one, other = await waiting(server, turn_id)
    await server.decided(other, approved=True)
    shared.clock.advance(DAY + 1)

    with pytest.raises(ApprovalExpiredError):
        await server.decided(one, approved=True)
    await server.decided(other, approved=True)
    turn = await server.settled(turn_id)

    assert turn.answer == "Too late."
    assert shared.tools.runs == [("clock", "{}")]
    kept = {one.tool: one for one in await shared.reader.invocations(TENANT, turn_id)}
    assert kept["send"].state is InvocationState.EXPIRED


async def test_when_the_budget_does_not_let_it_go_on_the_decision_stands_and_it_stays_paused(
    shared: World, server: Server
) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    await shared.limit(Metric.TOKENS, 20)

    decided = await server.decided(invocation_id, approved=True)

    assert decided.state is InvocationState.PERMITTED
    assert (await server.turn(turn_id)).state is TurnState.PAUSED
    assert shared.held(Metric.TOKENS) == 0

    await shared.limit(Metric.TOKENS, 1_000_000)
    await server.decided(invocation_id, approved=True)
    assert (await server.settled(turn_id)).answer == "It was sent."


async def test_a_turn_goes_on_at_another_server(shared: World) -> None:
    one, other = Server(world=shared, name="one"), Server(world=shared, name="other")
    turn_id = await paused(one)
    (invocation_id,) = await waiting(one, turn_id)

    await other.decided(invocation_id, approved=True)
    turn = await other.settled(turn_id)

    assert turn.answer == "It was sent."
    assert await one.shown(turn_id) == await other.shown(turn_id)


async def test_a_decision_that_is_quicker_than_the_pause_s_answer_is_not_lost(
    shared: World,
) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    server = Server(world=shared, journal=flaky)
    done, go = flaky.hold_back("pause")
    turn_id = await server.say("Send it")
    await done.wait()
    (invocation_id,) = await waiting(server, turn_id)

    await server.decided(invocation_id, approved=True)
    go.set()
    await until(lambda: bool(server.observer.ended))

    assert (await server.turn(turn_id)).answer == "It was sent."


async def test_a_pause_whose_answer_was_lost_is_asked_for_again(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal(), lost={"pause": 2})
    server = Server(world=shared, journal=flaky)

    turn_id = await paused(server)

    assert (await server.turn(turn_id)).state is TurnState.PAUSED
    assert isinstance((await server.shown(turn_id))[-1].body, Paused)


async def test_a_turn_that_nobody_decided_about_in_time_goes_on_by_itself(
    shared: World, server: Server
) -> None:
    shared.model.will_say(called(ToolCall("a", "send", "{}")), said("Nobody said yes."))
    turn_id = await paused(server)
    assert await server.sweep_decided() == 0
    shared.clock.advance(DAY + 1)

    assert await server.sweep_decided() == 1
    turn = await server.settled(turn_id)

    assert turn.answer == "Nobody said yes."
    assert shared.tools.runs == []
    assert "EXPIRED" in shared.model.requests[-1].messages[-1].text
    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert kept.state is InvocationState.EXPIRED


async def test_a_turn_whose_decider_was_lost_is_found_by_the_sweep(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    lost, other = Server(world=shared, journal=flaky), Server(world=shared, name="other")
    turn_id = await paused(lost)
    (invocation_id,) = await waiting(lost, turn_id)
    await shared.limit(Metric.TOKENS, 20)
    await lost.decided(invocation_id, approved=True)
    await shared.limit(Metric.TOKENS, 1_000_000)

    assert await other.sweep_decided() == 1

    assert (await other.settled(turn_id)).answer == "It was sent."


async def test_a_paused_turn_whose_capsule_was_revoked_fails(shared: World, server: Server) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    key, capsule = next(iter(shared.capsules.kept.items()))
    shared.capsules.kept[key] = capsule.revoke()

    await server.decided(invocation_id, approved=True)
    turn = await server.turn(turn_id)

    assert turn.failure is not None
    assert turn.failure.reason == "CAPSULE_REVOKED"
    assert shared.tools.runs == []
    assert shared.spent(Metric.TOKENS) == turn.usage.tokens


async def test_what_was_used_is_published_once_for_each_settlement(
    shared: World, server: Server
) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    await server.decided(invocation_id, approved=True)
    turn = await server.settled(turn_id)

    told = [one.event for one in shared.store.outbox[TENANT, SESSION]]

    billed = [line for one in told if isinstance(one, UsageRecorded) for line in one.lines]
    tokens = sum(line.amount for line in billed if line.metric is Metric.TOKENS)
    ledger = [line.use.amount for line in shared.store.ledger if line.use.metric is Metric.TOKENS]
    assert tokens == turn.usage.tokens == sum(ledger)
    assert [type(one).__name__ for one in told] == [
        "TurnAccepted", "ApprovalRequested", "TurnPaused", "UsageRecorded", "ApprovalDecided",
        "TurnResumed", "ToolInvoked", "TurnCompleted", "UsageRecorded",
    ]  # fmt: skip


async def test_the_record_has_the_tools_of_the_rounds_before_the_pause(
    shared: World, server: Server
) -> None:
    shared.install(manifest(autonomy=5, intelligence=5))
    shared.tools.have("send", answers("sent"), effect=True, dangerous=True)
    shared.model.will_say(
        called(ToolCall("a", "clock", "{}")),
        called(ToolCall("b", "send", "{}")),
        said("Done."),
    )
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    await server.decided(invocation_id, approved=True)
    turn = await server.settled(turn_id)

    (record,) = shared.store.records.values()

    assert turn.answer == "Done."
    assert turn.usage.tool_calls == 2
    assert b'"clock"' in record.body
    assert b'"send"' in record.body


async def test_the_trace_tells_of_both_parts_of_a_turn_that_was_paused(
    shared: World, server: Server
) -> None:
    shared.install(manifest(autonomy=2, recall=True))
    await shared.memories.remember(remembered("Grace likes mail."))
    turn_id = await server.say("What does Grace like?")
    paused_turn = await server.settled(turn_id)
    shared.clock.advance(60)
    (invocation_id,) = await waiting(server, turn_id)

    await server.decided(invocation_id, approved=True)
    turn = await server.settled(turn_id)

    kept = shared.canonical.decode(await shared.reader.trace(TENANT, turn_id))
    trace = trace_of(turn_id, kept)
    assert [(one.round, one.outcome) for one in trace.attempts] == [(0, "ok"), (1, "ok")]
    assert sum(one.prompt_tokens for one in trace.attempts) == turn.usage.prompt_tokens
    assert paused_turn.usage.prompt_tokens < turn.usage.prompt_tokens
    assert len(trace.memories) == 1
    assert [one.lane for one in trace.lanes][-1] == "memory"
    assert [one.phase for one in trace.phases].count(Phase.MODEL) == 2
    # Asked when it was offered, when it was called, and when it ran.
    assert [one[1] for one in trace.decisions].count("tools/send") == 3
    assert [one[1] for one in trace.decisions].count("tools/clock") == 1
    first, second = shared.model.requests
    assert "Grace likes mail." in first.messages[0].text
    assert second.messages[: len(first.messages)] == first.messages
    (record,) = shared.store.records.values()
    assert record.body.count(b'"capability"') == 2


async def test_an_approved_call_that_cannot_be_paid_for_ends_with_its_turn(
    shared: World, server: Server
) -> None:
    turn_id = await paused(server)
    (invocation_id,) = await waiting(server, turn_id)
    await shared.limit(Metric.TOOL_CALLS, 0)

    await server.decided(invocation_id, approved=True)
    turn = await server.settled(turn_id)

    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert turn.failure is not None
    assert (kept.state, kept.reason) == (InvocationState.DENIED, turn.failure.reason)
    assert shared.tools.runs == []


async def test_an_approved_call_whose_servers_were_lost_ends_with_its_turn(shared: World) -> None:
    flaky = FlakyJournal(Server(world=shared).plain_journal())
    lost, other = Server(world=shared, journal=flaky), Server(world=shared, name="other")
    turn_id = await paused(lost)
    (invocation_id,) = await waiting(lost, turn_id)
    resumed, go = flaky.hold_back("resume")
    deciding = create_task(lost.decided(invocation_id, approved=True))
    await resumed.wait()
    shared.clock.advance(DAY)

    assert await other.sweep() == 1
    turn = await other.settled(turn_id)
    go.set()
    await deciding

    (kept,) = await shared.reader.invocations(TENANT, turn_id)
    assert turn.failure is not None
    assert turn.failure.facts["cause"] == "deadline"
    assert (kept.state, kept.reason) == (InvocationState.DENIED, "TURN_ABANDONED")
    assert shared.tools.runs == []
