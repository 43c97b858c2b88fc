"""What is refused leaves nothing; what is accepted is accepted once."""

from asyncio import Event, create_task, sleep
from contextlib import suppress

import pytest

from adapters.inmemory.language_model import said
from domain.budget.errors import BudgetExhaustedError
from domain.capability.errors import NoCapabilityError
from domain.capsule.errors import CapsuleNotFoundError
from domain.conversation.errors import (
    MessageDoesNotFitError,
    SessionBusyError,
    SessionNotFoundError,
)
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Accepted, Completed, Failed
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.metering import Metric
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode
from domain.tools.errors import ToolNotFoundError
from tests.builders import SESSION, TENANT
from tests.doubles import FlakyJournal, until
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World

SECOND = REQUEST[:-1] + "2"
THIRD = REQUEST[:-1] + "3"


def nothing_is_left(shared: World) -> bool:
    store = shared.store
    return not (
        store.turns or store.messages or store.turn_requests or store.outbox or store.turn_events
    ) and not shared.held(Metric.TOKENS)


async def test_a_message_that_the_budget_does_not_let_in_leaves_nothing(
    shared: World, server: Server
) -> None:
    await shared.limit(Metric.TOKENS, 10)

    with pytest.raises(BudgetExhaustedError):
        await server.say()

    assert nothing_is_left(shared)
    assert shared.model.requests == []


async def test_a_message_to_a_session_that_does_not_exist_leaves_nothing(
    shared: World, server: Server
) -> None:
    shared.store.sessions.clear()

    with pytest.raises(SessionNotFoundError):
        await server.say()

    assert nothing_is_left(shared)


async def test_a_message_that_fits_no_lane_leaves_nothing(shared: World, server: Server) -> None:
    with pytest.raises(MessageDoesNotFitError):
        await server.say("x" * 200_000)

    assert nothing_is_left(shared)


async def test_a_tool_choice_that_names_no_tool_leaves_nothing(
    shared: World, server: Server
) -> None:
    with pytest.raises(ToolNotFoundError):
        await server.say(tool_choice=ToolChoice(ToolChoiceMode.NAMED, "sundial"))

    assert nothing_is_left(shared)


async def test_where_no_model_may_serve_nothing_is_left(shared: World) -> None:
    shared.capabilities = ()

    with pytest.raises(NoCapabilityError):
        await Server(world=shared).say()

    assert nothing_is_left(shared)


async def test_the_same_request_gives_the_same_turn(shared: World, server: Server) -> None:
    shared.model.will_say(said("Once."))
    first = await server.say()
    await server.settled(first)

    again = await server.say()

    assert again == first
    assert len(shared.model.requests) == 1
    assert [type(event.body) for event in await server.shown(again)][-1] is Completed


async def test_the_same_request_with_other_content_is_refused(
    shared: World, server: Server
) -> None:
    await server.answered("Hello")

    with pytest.raises(IdempotencyKeyReusedError):
        await server.say("Good bye")

    assert len(shared.store.turns) == 1


async def test_a_request_is_known_even_when_its_message_would_be_refused_by_now(
    shared: World, server: Server
) -> None:
    first = await server.say()
    await server.settled(first)
    await shared.limit(Metric.TOKENS, 0)

    assert await server.say() == first
    shared.capsules.kept.clear()
    assert await server.say() == first
    with pytest.raises(IdempotencyKeyReusedError):
        await server.say("Something else")
    with pytest.raises(CapsuleNotFoundError):
        await server.say(request_id=SECOND)


async def test_a_client_that_goes_away_while_its_message_is_taken_on_does_not_stop_the_turn(
    shared: World,
) -> None:
    server = Server(world=shared)
    flaky = FlakyJournal(server.plain_journal())
    server = Server(world=shared, journal=flaky)
    done, go = flaky.hold_back("accept")
    client = create_task(server.say())
    await done.wait()

    client.cancel()
    with suppress(BaseException):
        await client
    go.set()
    (turn,) = [stored.turn for stored in shared.store.turns.values()]
    await until(lambda: bool(server.observer.ended))

    assert (await server.turn(turn.id)).state is TurnState.COMPLETED


async def test_messages_of_one_session_are_answered_one_after_the_other(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([go, *said("One.")], said("Two."), said("Three."))
    first = await server.say("1")
    second = await server.say("2", request_id=SECOND)
    third = await server.say("3", request_id=THIRD)

    states = [(await server.turn(one)).state for one in (first, second, third)]
    assert states == [TurnState.RUNNING, TurnState.QUEUED, TurnState.QUEUED]

    go.set()
    await server.settled(first)
    await server.start_promoted()
    await server.settled(second)
    await server.start_promoted()
    await server.settled(third)

    assert [(await server.turn(one)).answer for one in (first, second, third)] == [
        "One.", "Two.", "Three.",
    ]  # fmt: skip
    assert [message.text for message in shared.model.requests[-1].messages] == [
        "Be brief.", "1", "One.", "2", "Two.", "3",
    ]  # fmt: skip
    assert shared.held(Metric.TOKENS) == 0


async def test_a_queue_that_is_full_takes_no_more(shared: World, server: Server) -> None:
    shared.open(max_waiting=1)
    shared.model.will_say([Event()])
    await server.say("1")
    await server.say("2", request_id=SECOND)

    with pytest.raises(SessionBusyError):
        await server.say("3", request_id=THIRD)

    assert len(shared.store.turns) == 2


async def test_a_session_that_does_not_queue_refuses_while_it_is_busy(
    shared: World, server: Server
) -> None:
    shared.open(max_waiting=0)
    shared.model.will_say([Event()])
    await server.say("1")

    with pytest.raises(SessionBusyError):
        await server.say("2", request_id=SECOND)


async def test_a_watcher_of_a_queued_turn_sees_that_it_waited(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([go, *said("One.")], said("Two."))
    first = await server.say("1")
    second = await server.say("2", request_id=SECOND)
    watching = create_task(server.shown(second))
    await sleep(0)
    go.set()
    await server.settled(first)
    await server.start_promoted()

    events = await watching

    assert isinstance(begin := events[0].body, Accepted)
    assert begin.queued
    assert isinstance(events[-1].body, Completed)


async def test_a_promoted_turn_is_told_to_the_server_that_accepted_it(shared: World) -> None:
    one, other = Server(world=shared, name="one"), Server(world=shared, name="other")
    go = Event()
    shared.model.will_say([go, *said("One.")], said("Two."))
    first = await one.say("1")
    second = await other.say("2", request_id=SECOND)
    go.set()
    await one.settled(first)

    assert await one.start_promoted() == 0
    assert await other.start_promoted() == 1
    assert (await other.settled(second)).answer == "Two."


async def test_a_capsule_that_is_revoked_before_its_turn_starts_fails_it(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([go, *said("One.")])
    first = await server.say("1")
    second = await server.say("2", request_id=SECOND)
    key, capsule = next(iter(shared.capsules.kept.items()))
    shared.capsules.kept[key] = capsule.revoke()
    go.set()
    await server.settled(first)
    await server.start_promoted()

    turn = await server.settled(second)

    assert turn.failure is not None
    assert turn.failure.reason == "CAPSULE_REVOKED"
    assert shared.held(Metric.TOKENS) == 0


async def test_a_turn_ends_at_its_deadline(shared: World, server: Server) -> None:
    shared.model.will_say([Event()])

    turn_id = await server.say(seconds=0.02)
    events = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert isinstance(last := events[-1].body, Failed)
    assert last.failure.reason in {"DEADLINE_EXCEEDED", "MODEL_TIMED_OUT"}
    assert last.failure.kind == "DeadlineExceededError"
    assert turn.state is TurnState.FAILED
    assert shared.model.open_streams == 0
    assert shared.held(Metric.TOKENS) == 0


async def test_a_turn_whose_time_ran_out_in_the_queue_fails_without_a_model_call(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([go, *said("One.")])
    first = await server.say("1")
    second = await server.say("2", request_id=SECOND, seconds=5)
    shared.clock.advance(6)
    go.set()
    await server.settled(first)
    await server.start_promoted()

    turn = await server.settled(second)

    assert turn.failure is not None
    assert turn.failure.reason == "DEADLINE_EXCEEDED"
    assert len(shared.model.requests) == 1


async def test_two_tenants_may_use_the_same_request_id(shared: World, server: Server) -> None:
    await server.answered()

    assert (TENANT, SESSION, REQUEST) in shared.store.turn_requests
