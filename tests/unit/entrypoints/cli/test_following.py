"""Following a turn over connections that break."""

import grpc
import pytest

from entrypoints.cli.client import Client
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.following import ConnectionLost, Follower
from somagent.conversation.v1.conversation_pb2 import ProcessMessageRequest, WatchTurnRequest
from tests.unit.entrypoints.cli.service import (
    END,
    LOST,
    SESSION,
    TURN,
    Refusal,
    Service,
    completed_turn,
)

MESSAGE = ProcessMessageRequest(
    session=SESSION, text="How much is 17.5 * 3?", request_id="0198f2a0-0000-7000-8000-00000000beef"
)


class Pauses:
    """Pauses that take no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def seen(follower: Follower) -> tuple[list[int], list[ConnectionLost]]:
    """The sequences that a message's turn shows, and where the connection was lost."""
    numbers: list[int] = []
    lost: list[ConnectionLost] = []
    async for event in follower.send(MESSAGE):
        if isinstance(event, ConnectionLost):
            lost.append(event)
        else:
            numbers.append(event.sequence)
    return numbers, lost


async def test_every_event_is_given_once_in_order(client: Client, service: Service) -> None:
    service.streams = [completed_turn()]

    numbers, lost = await seen(Follower(client, Pauses()))

    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert lost == []


async def test_a_broken_stream_is_taken_up_after_the_last_event_seen(
    client: Client, service: Service
) -> None:
    turn = completed_turn()
    service.streams = [[*turn[:3], LOST], turn[3:]]

    numbers, lost = await seen(Follower(client, Pauses()))

    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert lost == [ConnectionLost(3, "UNAVAILABLE")]
    assert service.of(WatchTurnRequest) == [WatchTurnRequest(name=TURN, after_sequence=3)]


async def test_events_that_come_again_are_shown_once(client: Client, service: Service) -> None:
    turn = completed_turn()
    service.streams = [[*turn[:5], LOST], turn[2:]]

    numbers, _ = await seen(Follower(client, Pauses()))

    assert numbers == [1, 2, 3, 4, 5, 6, 7]


async def test_a_message_whose_acceptance_was_not_seen_is_sent_again_under_its_request_id(
    client: Client, service: Service
) -> None:
    refusal = Refusal(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", retry_after_seconds=7)
    service.streams = [[refusal], [refusal], [refusal], [refusal], completed_turn()]
    pauses = Pauses()

    numbers, lost = await seen(Follower(client, pauses))

    assert numbers[-1] == 7
    assert {one.request_id for one in service.of(ProcessMessageRequest)} == {MESSAGE.request_id}
    assert lost[0].reason == "OVERLOADED"
    assert pauses.seconds[0] == 7


async def test_a_stream_that_ends_without_its_last_event_is_not_taken_for_the_end(
    client: Client, service: Service
) -> None:
    turn = completed_turn()
    service.streams = [[*turn[:6], END], turn[6:]]

    numbers, lost = await seen(Follower(client, Pauses()))

    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert len(lost) == 1


async def test_a_refusal_ends_it_with_its_reason(client: Client, service: Service) -> None:
    service.streams = [[Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED", "no")]]

    with pytest.raises(CommandFailedError) as failure:
        await seen(Follower(client, Pauses()))

    assert failure.value.reason == "BUDGET_EXHAUSTED"
    assert failure.value.code is ExitCode.REFUSED


async def test_a_connection_that_breaks_on_and_on_is_given_up(
    client: Client, service: Service
) -> None:
    turn = completed_turn()
    service.streams = [[turn[0], END], *([END] for _ in range(20))]
    pauses = Pauses()

    with pytest.raises(CommandFailedError, match="again and again"):
        await seen(Follower(client, pauses))

    assert len(pauses.seconds) == 10
    assert max(pauses.seconds) <= 5


async def test_progress_forgives_earlier_breaks(client: Client, service: Service) -> None:
    turn = completed_turn()
    service.streams = [stream for event in turn[:6] for stream in ([event, END], [END])]
    service.streams.append(turn[6:])

    numbers, lost = await seen(Follower(client, Pauses()))

    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert len(lost) == 12
