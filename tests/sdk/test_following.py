"""A turn is followed over broken streams: every event once, and never a part for the whole."""

import asyncio
from decimal import Decimal

import grpc
import pytest

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent_client import (
    BrokenContractError,
    DeadlineExceededError,
    Event,
    TurnFailedError,
    TurnPausedError,
    UnavailableError,
)
from tests.sdk.clients import TWICE, client_of
from tests.unit.entrypoints.cli.service import (
    END,
    INVOCATION,
    LOST,
    RECORD,
    SESSION,
    TURN,
    Refusal,
    Service,
    Wait,
    completed_turn,
)

OUT_OF_TIME = Refusal(grpc.StatusCode.DEADLINE_EXCEEDED)
"""As gRPC ends a call whose deadline has passed."""


def numbered(*events: pb.TurnEvent, first: int = 1) -> list[pb.TurnEvent]:
    for number, event in enumerate(events, first):
        event.sequence = number
    return list(events)


def accepted() -> pb.TurnEvent:
    return pb.TurnEvent(accepted=pb.TurnAccepted(turn=TURN))


def text(delta: str) -> pb.TurnEvent:
    return pb.TurnEvent(text=pb.TextDelta(delta=delta))


def completed(whole: str, sequence: int = 0) -> pb.TurnEvent:
    return pb.TurnEvent(sequence=sequence, completed=pb.TurnCompleted(text=whole, record=RECORD))


def restarted(first: int, last: int) -> pb.TurnEvent:
    covered = pb.TurnRestarted(first_sequence=first, last_sequence=last)
    return pb.TurnEvent(sequence=last, restarted=covered)


async def test_a_turn_is_iterated_for_its_events(service: Service) -> None:
    service.streams = [completed_turn()]
    async with client_of(service) as client:
        turn = client.session(SESSION).send("How much is 17.5 * 3?")

        events = [event async for event in turn]

    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert "".join(event.text for event in events) == turn.text == "52.5"
    assert [event.tool_call.tool for event in events if event.tool_call] == ["arithmetic"]
    assert [event.tool_result.content for event in events if event.tool_result] == ['"52.5"']
    assert (events[-1].final, events[-1].record) == (True, RECORD)
    assert events[-1].cost_usd == Decimal("0.022")
    assert turn.name == TURN
    assert service.credentials == ["Bearer sk_test"]


async def test_a_turn_is_awaited_for_its_answer(service: Service) -> None:
    service.streams = [completed_turn()]
    async with client_of(service) as client:
        answer = await client.session(SESSION).ask("How much is 17.5 * 3?")

    assert str(answer) == answer.text == "52.5"
    assert (answer.turn, answer.record) == (TURN, RECORD)
    assert answer.cost_usd == Decimal("0.022")
    assert [call.tool for call in answer.tool_calls] == ["arithmetic"]


async def test_a_broken_stream_is_taken_up_after_the_last_event_at_the_next_server(
    service: Service, second: Service
) -> None:
    turn = completed_turn()
    service.streams, second.streams = [[*turn[:3], LOST]], [turn[3:]]
    async with client_of(service, second) as client:
        following = client.session(SESSION).send("Hello")
        events = [event async for event in following]

    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert following.resumes == 1
    (watch,) = second.of(pb.WatchTurnRequest)
    assert (watch.name, watch.after_sequence) == (TURN, 3)


async def test_before_the_turn_is_known_the_same_request_is_sent_again(
    service: Service, second: Service
) -> None:
    service.streams, second.streams = [[LOST]], [completed_turn()]
    async with client_of(service, second) as client:
        answer = await client.session(SESSION).ask("Hello")

    assert answer.text == "52.5"
    (first,), (again,) = (one.of(pb.ProcessMessageRequest) for one in (service, second))
    assert first == again
    assert first.request_id


async def test_a_server_that_is_not_there_is_passed_over(service: Service) -> None:
    service.streams = [completed_turn()]
    async with client_of(Service(address="127.0.0.1:1"), service) as client:
        assert (await client.session(SESSION).ask("Hello")).text == "52.5"


async def test_a_stream_that_ends_well_without_an_end_is_taken_up(service: Service) -> None:
    turn = completed_turn()
    service.streams = [[*turn[:5], END], [END], turn[5:]]
    async with client_of(service) as client:
        answer = await client.session(SESSION).ask("Hello")

    assert answer.text == "52.5"
    assert [one.after_sequence for one in service.of(pb.WatchTurnRequest)] == [5, 5]


async def test_what_comes_twice_is_given_once(service: Service) -> None:
    turn = completed_turn()
    service.streams = [[*turn[:4], LOST], turn]
    async with client_of(service) as client:
        events = [event async for event in client.session(SESSION).send("Hello")]

    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6, 7]


async def test_what_a_lost_server_showed_is_told_as_void_and_not_in_the_answer(
    service: Service, second: Service
) -> None:
    service.streams = [[*numbered(accepted(), text("One "), text("tw")), LOST]]
    second.streams = [
        [restarted(3, 1000), *numbered(text("two."), completed("One two."), first=1001)]
    ]
    async with client_of(service, second) as client:
        turn = client.session(SESSION).send("Hello")
        events: list[Event] = []
        texts: list[str] = []
        async for event in turn:
            events.append(event)
            texts.append(turn.text)
        answer = await turn

    assert [event.sequence for event in events] == [1, 2, 3, 1000, 1001, 1002]
    assert 3 in events[3].voids
    assert texts == ["", "One ", "One tw", "One ", "One two.", "One two."]
    assert answer.text == "One two."


async def test_missing_numbers_are_no_answer(service: Service) -> None:
    service.streams = [[*numbered(accepted()), completed("two.", sequence=3)]]
    async with client_of(service) as client:
        with pytest.raises(BrokenContractError, match="after event 1 came event 3"):
            await client.session(SESSION).ask("Hello")


async def test_a_failed_turn_is_an_error_with_its_reason(service: Service) -> None:
    failed = pb.TurnFailed(partial_text="One ")
    failed.error.reason = "MODEL_FAILED"
    failed.error.metadata["capability"] = "large"
    service.streams = [numbered(accepted(), text("One "), pb.TurnEvent(failed=failed))]
    async with client_of(service) as client:
        with pytest.raises(TurnFailedError) as raised:
            await client.session(SESSION).ask("Hello")

    error = raised.value
    assert (error.reason, error.partial_text, error.turn) == ("MODEL_FAILED", "One ", TURN)
    assert error.metadata == {"capability": "large"}


async def test_a_paused_turn_is_gone_on_with_after_the_decision(service: Service) -> None:
    waits = numbered(accepted(), pb.TurnEvent(paused=pb.TurnPaused(invocations=[INVOCATION])))
    rest = numbered(pb.TurnEvent(resumed=pb.TurnResumed()), completed("Noted."), first=3)
    service.streams = [waits, [END], [END], rest]
    async with client_of(service) as client:
        turn = client.session(SESSION).send("Write it down")
        with pytest.raises(TurnPausedError) as paused:
            await turn
        await client.approve(turn.paused[0])
        answer = await turn.watch()

    assert paused.value.invocations == turn.paused == (INVOCATION,)
    assert answer.text == "Noted."
    assert {one.after_sequence for one in service.of(pb.WatchTurnRequest)} == {2}


async def test_a_turn_that_stays_paused_is_waited_for_as_long_as_was_said(
    service: Service,
) -> None:
    waits = numbered(accepted(), pb.TurnEvent(paused=pb.TurnPaused(invocations=[INVOCATION])))
    service.streams = [waits, [END], [END]]
    async with client_of(service, policy=TWICE) as client:
        turn = client.session(SESSION).send("Write it down")
        async for _ in turn:
            """To the pause."""
        with pytest.raises(DeadlineExceededError, match="still paused"):
            await turn.watch()

    assert len(service.of(pb.WatchTurnRequest)) == 2


async def test_a_turn_that_is_still_paused_when_a_stream_is_out_of_time_is_told_as_such(
    service: Service,
) -> None:
    waits = numbered(accepted(), pb.TurnEvent(paused=pb.TurnPaused(invocations=[INVOCATION])))
    service.streams = [waits, [OUT_OF_TIME]]
    async with client_of(service) as client:
        turn = client.session(SESSION).send("Write it down")
        async for _ in turn:
            """To the pause."""
        with pytest.raises(DeadlineExceededError, match="still paused"):
            await turn.watch()


async def test_a_turn_that_was_all_asked_for_before_ends_at_once(service: Service) -> None:
    service.streams = [[END]]
    service.answers["GetTurnRequest"] = lambda _: pb.GetTurnResponse(
        turn=pb.Turn(name=TURN, state=pb.TURN_STATE_COMPLETED)
    )
    async with client_of(service) as client:
        assert [event async for event in client.turn(TURN, after_sequence=7)] == []


async def test_a_part_of_an_answer_that_is_out_of_time_is_never_the_answer(
    service: Service,
) -> None:
    service.streams = [[*completed_turn()[:5], OUT_OF_TIME]]
    async with client_of(service) as client:
        turn = client.session(SESSION).send("Hello", seconds=600)
        with pytest.raises(DeadlineExceededError):
            await turn

    assert turn.text == "52"
    assert turn.name == TURN
    (seconds,) = service.seconds
    # A deadline travels in few digits, rounded up.
    assert seconds is not None
    assert 300 < seconds < 660


async def test_no_answer_in_time_is_an_error(service: Service) -> None:
    service.streams = [[*completed_turn()[:5], Wait(asyncio.Event())]]
    async with client_of(service) as client:
        with pytest.raises(DeadlineExceededError):
            await client.session(SESSION).ask("Hello", seconds=0.3)


async def test_servers_that_stay_away_are_told_when_the_time_is_over(service: Service) -> None:
    service.streams = [[LOST], [LOST]]
    async with client_of(service, policy=TWICE) as client:
        with pytest.raises(UnavailableError):
            await client.session(SESSION).ask("Hello")

    assert len(service.of(pb.ProcessMessageRequest)) == 2


async def test_a_server_is_not_asked_again_before_the_time_it_told(service: Service) -> None:
    busy = Refusal(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", retry_after_seconds=0.4)
    service.streams = [[busy], completed_turn()]
    loop = asyncio.get_running_loop()
    async with client_of(service) as client:
        began = loop.time()
        await client.session(SESSION).ask("Hello")

    assert loop.time() - began >= 0.4


async def test_meanwhile_another_server_is_asked(service: Service, second: Service) -> None:
    busy = Refusal(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", retry_after_seconds=3600)
    service.streams, second.streams = [[busy]], [completed_turn()]
    async with client_of(service, second) as client:
        assert (await client.session(SESSION).ask("Hello")).text == "52.5"
