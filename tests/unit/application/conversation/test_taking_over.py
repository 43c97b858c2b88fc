"""A turn whose server was lost goes on at another one, from what is committed and was written."""

from asyncio import Event
from collections.abc import Sequence

import pytest

from adapters.inmemory.language_model import Line, called, said
from application.conversation.lost_turn import INTERRUPTED
from application.conversation.phases.model_call import GO_ON
from application.conversation.ports.models import ModelText
from application.conversation.ports.observing import TakenOver
from domain.conversation.interruption import MOST_TAKE_OVERS
from domain.conversation.message import Message, Role
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import (
    Accepted,
    Completed,
    Failed,
    Restarted,
    Resumed,
    TextAdded,
    TurnEvent,
)
from domain.kernel.metering import Metric
from domain.kernel.resilience import TURN_DEADLINE
from tests.builders import TENANT
from tests.doubles import answers
from tests.inmemory_application import LEASE, REQUEST, Server
from tests.inmemory_world import World, manifest, world
from tests.unit.application.conversation.lost_servers import (
    CONTINUES,
    SEND,
    asked,
    check_money,
    hangs,
    numbers,
    shown,
    taken,
    told,
    trace,
)


@pytest.fixture
async def shared() -> World:
    return await world(manifest(intelligence=5))


async def test_a_turn_is_answered_by_another_server_when_nothing_of_it_was_written(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say([ModelText("Never read"), Event()], said("The ", "answer."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)

    turn = await taken(other, turn_id)

    events = await other.shown(turn_id)
    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "The answer.")
    assert turn.usage.estimated
    assert [type(one.body).__name__ for one in events] == [
        "Restarted", "Accepted", "Started", "TextAdded", "TextAdded", "Completed",
    ]  # fmt: skip
    assert numbers(events) == list(range(1, events[-1].sequence + 1))
    check_money(shared, turn)
    attempts = (await trace(other, turn_id)).attempts
    assert [one.outcome for one in attempts] == [INTERRUPTED, "ok"]
    (record,) = shared.store.records.values()
    assert b'"interrupted"' in record.body


async def test_a_watcher_elsewhere_goes_on_from_the_number_it_saw_last(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say([ModelText("Never read"), Event()], said("The answer."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)
    await taken(other, turn_id)

    rest = await other.shown(turn_id, after=3)

    assert isinstance(rest[0].body, Restarted)
    assert isinstance(rest[-1].body, Completed)


async def test_an_answer_of_which_a_part_was_written_fails_with_it(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say([ModelText("Half an ans"), Event()], said("Another one."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert turn.failure is not None
    assert (turn.failure.reason, turn.failure.kind) == ("TURN_ABANDONED", "UnavailableError")
    assert turn.failure.facts["cause"] == "answer_shown"
    assert other.observer.taken == [TakenOver.FAILED]
    end = (await other.shown(turn_id))[-1].body
    assert isinstance(end, Failed)
    assert end.partial_text == "Half an ans"
    assert turn.usage.completion_tokens > 0
    check_money(shared, turn)


async def test_an_answer_is_continued_where_its_capsule_says_so(
    shared: World, lost: Server, other: Server
) -> None:
    shared.install(manifest(policy=CONTINUES))
    shared.model.will_say([ModelText("Half an ans"), Event()], said("wer", "."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "Half an answer.")
    assert other.observer.taken == [TakenOver.CONTINUED]
    first, second = shared.model.requests
    assert second.messages == (
        *first.messages, Message(Role.ASSISTANT, "Half an ans"), Message(Role.USER, GO_ON)
    )  # fmt: skip
    events = await other.shown(turn_id)
    shown = "".join(one.body.delta for one in events if isinstance(one.body, TextAdded))
    assert shown == "Half an answer."
    assert sum(1 for one in events if isinstance(one.body, Accepted)) == 1
    assert numbers(events) == list(range(1, events[-1].sequence + 1))
    check_money(shared, turn)


async def test_an_answer_is_continued_as_often_as_it_gets_further(
    shared: World, lost: Server, other: Server
) -> None:
    shared.install(manifest(policy=CONTINUES))
    parts = ["a", "b", "c", "d", "e", "f"]
    script: list[Sequence[Line]] = [[ModelText(one), Event()] for one in parts]
    shared.model.will_say(*script, said("g"))
    servers = [lost, other] * 3
    turn_id = await lost.say()
    for place, server in enumerate(servers):
        if place:
            shared.clock.advance(LEASE + 1)
            assert await server.sweep() == 1
        await shown(server, turn_id, parts[place])

    turn = await taken(lost, turn_id)

    assert turn.answer == "abcdefg"
    check_money(shared, turn)


def ends_with(events: Sequence[TurnEvent], text: str) -> bool:
    return bool(events) and events[-1].body == TextAdded(text)


async def test_a_turn_that_somebody_asked_to_cancel_is_cancelled(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs())
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)
    await other.signals.cancel(TENANT, turn_id, "grace")

    turn = await taken(other, turn_id)

    assert turn.state is TurnState.CANCELLED
    assert other.observer.taken == [TakenOver.CANCELLED]
    check_money(shared, turn)


async def test_a_turn_whose_time_is_over_fails(shared: World, lost: Server, other: Server) -> None:
    shared.model.will_say(hangs())
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)
    shared.clock.advance(TURN_DEADLINE.total_seconds())

    turn = await taken(other, turn_id)

    assert turn.failure is not None
    assert turn.failure.facts["cause"] == "deadline"
    check_money(shared, turn)


async def test_a_turn_with_which_server_after_server_is_lost_is_given_up(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs())
    turn_id = await lost.say()
    for place in range(MOST_TAKE_OVERS):
        await asked(shared, place + 1)
        shared.clock.advance(LEASE + 1)
        assert await (other, lost)[place % 2].sweep() == 1

    await asked(shared, MOST_TAKE_OVERS + 1)
    turn = await taken(other, turn_id)

    assert turn.failure is not None
    assert turn.failure.facts["cause"] == "take_overs"
    assert turn.usage.estimated
    check_money(shared, turn)


async def test_a_turn_fails_where_its_budget_does_not_let_it_go_on(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs())
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)
    await shared.limit(Metric.TOKENS, shared.held(Metric.TOKENS) // 2)

    turn = await taken(other, turn_id)

    assert turn.failure is not None
    assert turn.failure.reason == "BUDGET_EXHAUSTED"
    check_money(shared, turn)


async def test_a_turn_whose_capsule_was_revoked_meanwhile_keeps_it_to_its_end(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs(), said("Here I am."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)
    key, capsule = next(iter(shared.capsules.kept.items()))
    shared.capsules.kept[key] = capsule.revoke()

    turn = await taken(other, turn_id)

    assert (turn.state, turn.answer) == (TurnState.COMPLETED, "Here I am.")
    check_money(shared, turn)


async def test_a_turn_that_went_on_after_a_pause_goes_on_elsewhere(shared: World) -> None:
    shared.install(manifest(autonomy=2))
    lost, other = Server(world=shared, name="lost"), Server(world=shared, name="other")
    shared.tools.have("send", answers("sent"), effect=True)
    shared.model.will_say(called(SEND), hangs(), said("It was sent."))
    turn_id = await lost.say("Send it")
    await lost.settled(turn_id)
    (call,) = await shared.reader.invocations(TENANT, turn_id)
    await lost.decided(call.id, approved=True)
    await asked(shared, 2)

    turn = await taken(other, turn_id)

    assert turn.answer == "It was sent."
    assert len(shared.tools.runs) == 1
    events = await other.shown(turn_id)
    assert sum(1 for one in events if isinstance(one.body, Resumed)) == 1
    check_money(shared, turn)


async def test_an_end_that_was_not_made_is_made_elsewhere(shared: World, other: Server) -> None:
    """The answer was whole, and its server was lost before the commit that ends the turn."""
    lost = Server(world=shared, name="lost")
    shared.model.will_say([ModelText("Whole."), Event()], said("Whole."))
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)

    turn = await taken(other, turn_id)

    assert turn.answer == "Whole."
    assert len(shared.store.records) == 1


async def test_the_turns_that_wait_behind_a_lost_one_are_answered(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs(), said("One."), said("Two."))
    first = await lost.say("1")
    second = await other.say("2", request_id=REQUEST[:-1] + "2")
    await told(lost, first, written=False)
    assert (await taken(other, first)).answer == "One."
    await other.start_promoted()
    assert (await other.settled(second)).answer == "Two."


async def test_a_server_that_leaves_takes_no_turn_over(
    shared: World, lost: Server, other: Server
) -> None:
    shared.model.will_say(hangs())
    turn_id = await lost.say()
    await told(lost, turn_id, written=False)
    await other.drivers.drain(0.0)
    shared.clock.advance(LEASE + 1)

    assert await other.sweep() == 0

    assert (await other.turn(turn_id)).fence == 1
