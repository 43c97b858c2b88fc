"""Every watcher sees the same events, early or late, here or on another server."""

from asyncio import CancelledError, Event, create_task, ensure_future, sleep

import pytest

from adapters.inmemory.language_model import called, said
from application.conversation.ports.models import ModelEnd, ModelText
from application.conversation.ports.signals import Signal, SignalKind
from application.conversation.turn_log import KEPT_EVENTS
from application.conversation.watch_turn import WatchTurnQuery
from domain.conversation.errors import SequenceOutOfRangeError, TurnNotFoundError
from domain.conversation.message import ToolCall
from domain.conversation.turn_event import Completed, Paused, TextAdded, TurnEvent
from tests.builders import OTHER_TENANT, TENANT, TURN
from tests.doubles import answers, until
from tests.inmemory_application import Server
from tests.inmemory_world import World, manifest, world

END = ModelEnd(finish_reason="stop", prompt_tokens=1, completion_tokens=1)


def text_of(events: list[TurnEvent]) -> str:
    return "".join(event.body.delta for event in events if isinstance(event.body, TextAdded))


async def test_a_stream_that_was_cut_off_is_picked_up_where_it_was(
    shared: World, server: Server
) -> None:
    go = Event()
    shared.model.will_say([ModelText("Good "), go, ModelText("day."), END])
    turn_id = await server.say()
    watching = server.watch(WatchTurnQuery(tenant_id=TENANT, turn_id=turn_id))
    seen = [await anext(watching) for _ in range(3)]
    await watching.aclose()
    go.set()

    rest = await server.shown(turn_id, after=seen[-1].sequence)

    assert text_of(seen + rest) == "Good day."
    assert [event.sequence for event in seen + rest] == [1, 2, 3, 4, 5]


async def test_a_turn_of_another_tenant_is_not_there(server: Server) -> None:
    turn_id = await server.say()
    watching = server.watch(WatchTurnQuery(tenant_id=OTHER_TENANT, turn_id=turn_id))

    with pytest.raises(TurnNotFoundError):
        await anext(watching)


async def test_a_turn_that_never_was_is_not_found(server: Server) -> None:
    with pytest.raises(TurnNotFoundError):
        await server.shown(TURN)


async def test_a_number_beyond_the_last_one_is_refused(shared: World, server: Server) -> None:
    shared.model.will_say(said("Hi."))
    turn_id = await server.say()
    await server.settled(turn_id)

    with pytest.raises(SequenceOutOfRangeError):
        await server.shown(turn_id, after=99)


async def test_a_number_beyond_what_a_running_turn_has_shown_is_refused(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("Hi"), Event()])
    turn_id = await server.say()

    with pytest.raises(SequenceOutOfRangeError):
        await server.shown(turn_id, after=99)


async def test_a_slow_watcher_reads_what_memory_has_forgotten_from_the_table(
    shared: World, server: Server
) -> None:
    words = [ModelText(f"{place} ") for place in range(3 * KEPT_EVENTS)]
    go = Event()
    shared.model.will_say([*words, go, END])
    turn_id = await server.say()
    slow = server.watch(WatchTurnQuery(tenant_id=TENANT, turn_id=turn_id))
    seen = [await anext(slow)]
    running = server.drivers.find(turn_id)
    assert running is not None
    running.watched = True
    while running.log.unwritten:
        await server.drivers.keep()
        await sleep(0)
    assert running.log.first_kept > KEPT_EVENTS

    seen += [await anext(slow) for _ in range(3 * KEPT_EVENTS)]
    go.set()
    seen += [event async for event in slow]

    assert text_of(seen) == "".join(word.delta for word in words)
    assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
    assert isinstance(seen[-1].body, Completed)


async def test_a_slow_watcher_slows_nobody_else(shared: World, server: Server) -> None:
    shared.model.will_say(said(*["word "] * 100))
    turn_id = await server.say()
    slow = server.watch(WatchTurnQuery(tenant_id=TENANT, turn_id=turn_id))
    await anext(slow)

    quick = await server.shown(turn_id)
    turn = await server.settled(turn_id)

    assert turn.answer == "word " * 100
    assert [await anext(slow) for _ in quick[1:]] == quick[1:]


async def test_a_watcher_elsewhere_sees_a_turn_while_it_runs(shared: World) -> None:
    driving, watching = Server(world=shared, name="one"), Server(world=shared, name="other")
    go = Event()
    shared.model.will_say([ModelText("Good "), go, ModelText("day."), END])
    turn_id = await driving.say()
    stream = watching.watch(WatchTurnQuery(tenant_id=TENANT, turn_id=turn_id))
    first = create_task(anext(stream))
    await until(lambda: (TENANT, turn_id) in shared.store.watchers)
    await driving.hear(Signal(SignalKind.WATCH, turn_id))
    watching.watchers.ring(turn_id)

    seen = [await first, await anext(stream), await anext(stream)]
    go.set()
    await driving.settled(turn_id)
    watching.watchers.ring(None)
    seen += [event async for event in stream]

    assert seen == await driving.shown(turn_id)
    assert text_of(seen) == "Good day."


async def test_the_driver_tells_those_who_watch_from_elsewhere(shared: World) -> None:
    driving, watching = Server(world=shared, name="one"), Server(world=shared, name="other")
    shared.model.will_say([ModelText("Good "), Event()])
    turn_id = await driving.say()
    await watching.signals.watch(TENANT, turn_id)
    heard = watching.signals.listen()
    listening = ensure_future(anext(heard))
    await sleep(0)

    await driving.hear(Signal(SignalKind.WATCH, turn_id))

    assert await listening == Signal(SignalKind.WRITTEN, turn_id)
    assert text_of(list(await shared.reader.events(TENANT, turn_id, 0, 9))) == "Good "


async def test_a_watcher_that_leaves_leaves_nothing_behind(shared: World) -> None:
    driving, watching = Server(world=shared, name="one"), Server(world=shared, name="other")
    shared.model.will_say([Event()])
    turn_id = await driving.say()
    leaving = create_task(watching.shown(turn_id))
    await sleep(0)

    leaving.cancel()
    with pytest.raises(CancelledError):
        await leaving

    assert watching.watchers == type(watching.watchers)()


async def test_a_number_beyond_what_a_server_elsewhere_may_have_shown_is_refused(
    shared: World,
) -> None:
    driving, watching = Server(world=shared, name="one"), Server(world=shared, name="other")
    shared.model.will_say([ModelText("Hi"), Event()])
    turn_id = await driving.say()

    with pytest.raises(SequenceOutOfRangeError):
        await watching.shown(turn_id, after=1001)


async def test_a_number_that_a_turn_elsewhere_ended_without_is_refused_then(
    shared: World,
) -> None:
    driving, watching = Server(world=shared, name="one"), Server(world=shared, name="other")
    go = Event()
    shared.model.will_say([ModelText("Hi"), go, END])
    turn_id = await driving.say()
    asking = create_task(watching.shown(turn_id, after=900))
    await until(lambda: (TENANT, turn_id) in shared.store.watchers)
    go.set()
    await driving.settled(turn_id)
    watching.watchers.ring(None)

    with pytest.raises(SequenceOutOfRangeError):
        await asking


async def test_a_pause_is_shown_to_those_who_waited_for_it_elsewhere() -> None:
    shared = await world(manifest(autonomy=2))
    shared.tools.have("send", answers("sent"), effect=True)
    go = Event()
    shared.model.will_say([go, *called(ToolCall("call_1", "send", "{}"))])
    driving, watching = Server(world=shared, name="one"), Server(world=shared, name="other")
    turn_id = await driving.say("Send it")
    asking = create_task(watching.shown(turn_id))
    await until(lambda: (TENANT, turn_id) in shared.store.watchers)
    go.set()
    await driving.settled(turn_id)
    watching.watchers.ring(None)

    assert isinstance((await asking)[-1].body, Paused)
