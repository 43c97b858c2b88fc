"""Who reads a turn: one at a time, who may leave and come again."""

import asyncio

import pytest

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.sdk.clients import client_of
from tests.unit.entrypoints.cli.service import SESSION, Service, Wait, completed_turn


async def test_a_reader_who_left_goes_on_where_he_was(service: Service) -> None:
    turn = completed_turn()
    service.streams = [turn, turn[2:]]
    async with client_of(service) as client:
        following = client.session(SESSION).send("Hello")
        events = aiter(following)
        begun = [await anext(events), await anext(events)]
        await events.aclose()
        rest = [event async for event in following]

    assert [event.sequence for event in [*begun, *rest]] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_reader_who_broke_off_may_wait_for_the_answer(service: Service) -> None:
    turn = completed_turn()
    service.streams = [turn, turn[2:]]
    async with client_of(service) as client:
        following = client.session(SESSION).send("Hello")
        async for event in following:
            if event.sequence == 2:
                break
        answer = await following

    assert answer.text == "52.5"
    (watch,) = service.of(pb.WatchTurnRequest)
    assert watch.after_sequence == 2


async def test_two_readers_of_one_turn_are_refused(service: Service) -> None:
    service.streams = [[*completed_turn()[:1], Wait(asyncio.Event())]]
    async with client_of(service) as client:
        turn = client.session(SESSION).send("Hello")
        first = aiter(turn)
        await anext(first)
        waiting = asyncio.ensure_future(anext(first))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one reader at a time"):
            await turn
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_reader_whose_turn_another_one_took_is_told(service: Service) -> None:
    turn = completed_turn()
    service.streams = [turn, turn[1:]]
    async with client_of(service) as client:
        following = client.session(SESSION).send("Hello")
        first = aiter(following)
        await anext(first)
        await following

        with pytest.raises(RuntimeError, match="one reader at a time"):
            await anext(first)
