"""A letter is replayed once, by one, and rests on when it is refused again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from application.delivery.ports.dead_letters import LetterFilter
from application.delivery.replay_dead_letters import Into, ReplayDeadLettersCommand
from domain.conversation.errors import SessionNotFoundError
from domain.delivery.dead_letter import MOST_PAYLOAD, Content, DeadLetter, LetterState
from domain.delivery.errors import (
    DeadLetterForConsumerError,
    DeadLetterNotNamedError,
    PublisherAwayError,
)
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import DeadLetterId
from domain.tenancy.tenant import PLATFORM_TENANT_ID
from tests.builders import TENANT, dead_letter
from tests.unit.application.delivery.replaying import Desk

CONTENT = Content(headers=(("type", b"x"),), payload=b"{}")
MINE = (("authorization", b"Bearer mine"),)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def put(desk: Desk, number: int, *, topic: str = "conversation.inbound") -> DeadLetter:
    letter = dead_letter(DeadLetterId(UUID(int=number)), origin=str(number))
    await desk.letters.put(replace(letter, topic=topic), CONTENT)
    return letter


def of(letters: Sequence[DeadLetter], into: Into = Into.ANY) -> ReplayDeadLettersCommand:
    return ReplayDeadLettersCommand(
        tenant_id=TENANT,
        actor="ada",
        credential=MINE,
        into=into,
        letters=[one.id for one in letters],
    )


async def stored(desk: Desk, letter: DeadLetter) -> DeadLetter:
    return (await desk.letters.open(TENANT, letter.id)).letter


async def test_a_message_of_another_system_is_taken_by_its_consumer_under_ones_own_credential(
    desk: Desk,
) -> None:
    letter = await put(desk, 1)

    replayed = await desk.replay(of([letter]))

    (message,) = desk.consumer.taken
    assert (message.value, message.headers) == (b"{}", (*CONTENT.headers, *MINE))
    assert [one.id for one in replayed.letters] == [letter.id]
    now = await stored(desk, letter)
    assert (now.state, now.settled_by, now.note) == (LetterState.REPLAYED, "ada", "consumer")


async def test_an_event_goes_to_its_topic_without_any_credential(desk: Desk) -> None:
    letter = await put(desk, 1, topic="usage.events")

    await desk.replay(of([letter], Into.CONSUMER))

    (message,) = desk.publisher.published
    assert (message.topic, message.headers) == ("usage.events", CONTENT.headers)
    assert (await stored(desk, letter)).note == "topic"


@pytest.mark.parametrize("topic", ["conversation.inbound", "tool.requests"])
async def test_no_credential_is_ever_written_into_a_topic(desk: Desk, topic: str) -> None:
    letter = await put(desk, 1, topic=topic)
    before = await stored(desk, letter)

    named = await desk.replay(of([letter], Into.TOPIC))
    asked = LetterFilter(tenant_id=TENANT)
    filtered = await desk.replay(replace(of([], Into.TOPIC), asked=asked))

    for replayed in (named, filtered):
        assert [type(error) for _, error in replayed.refused] == [DeadLetterForConsumerError]
    assert (desk.publisher.published, desk.consumer.taken) == ([], [])
    assert await stored(desk, letter) == before


@pytest.mark.parametrize(
    "reason", ["UNAUTHENTICATED", "CREDENTIAL_EXPIRED", "PERMISSION_DENIED", "REQUEST_EXPIRED"]
)
async def test_what_a_person_must_decide_about_is_replayed_by_its_name_alone(
    desk: Desk, reason: str
) -> None:
    letter = replace(dead_letter(), reason=reason)
    await desk.letters.put(letter, CONTENT)
    asked = LetterFilter(tenant_id=TENANT)

    filtered = await desk.replay(replace(of([]), asked=asked))

    assert [type(error) for _, error in filtered.refused] == [DeadLetterNotNamedError]
    assert desk.consumer.taken == []
    assert (await stored(desk, letter)).reason == reason
    assert (await desk.replay(of([letter]))).letters


async def test_what_a_stranger_sent_is_found_by_no_filter_whatever_its_reason(desk: Desk) -> None:
    letter = replace(dead_letter(), tenant_id=PLATFORM_TENANT_ID, tenant="platform")
    await desk.letters.put(letter, CONTENT)
    asked = LetterFilter(tenant_id=PLATFORM_TENANT_ID)

    replayed = await desk.replay(replace(of([]), tenant_id=PLATFORM_TENANT_ID, asked=asked))

    assert [type(error) for _, error in replayed.refused] == [DeadLetterNotNamedError]
    assert desk.consumer.taken == []


async def test_a_replay_of_a_replay_does_nothing(desk: Desk) -> None:
    letter = await put(desk, 1)

    await desk.replay(of([letter]))
    again = await desk.replay(of([letter]))

    assert len(desk.consumer.taken) == 1
    assert [one.id for one in again.letters] == [letter.id]
    assert len(desk.letters.audits) == 1


async def test_of_two_who_replay_at_once_one_does(desk: Desk) -> None:
    letter = await put(desk, 1)

    await asyncio.gather(*(desk.replay(of([letter])) for _ in range(4)))

    assert len(desk.consumer.taken) == 1


async def test_what_somebody_else_replays_now_is_said_to_be_busy(desk: Desk) -> None:
    letter = await put(desk, 1)
    await desk.letters.take(TENANT, [letter.id], 60)

    replayed = await desk.replay(of([letter]))

    assert [error.args[0] for _, error in replayed.refused] == ["the dead letter is being replayed"]


async def test_what_is_refused_again_rests_on_with_one_try_more(desk: Desk) -> None:
    letter = await put(desk, 1)
    desk.consumer.errors.append(SessionNotFoundError("x"))

    replayed = await desk.replay(of([letter]))

    now = await stored(desk, letter)
    assert (now.state, now.reason, len(now.attempts)) == (
        LetterState.RESTING,
        "SESSION_NOT_FOUND",
        len(letter.attempts) + 1,
    )
    assert [type(error) for _, error in replayed.refused] == [SessionNotFoundError]
    assert [audit.reason for audit in desk.letters.audits] == ["SESSION_NOT_FOUND"]
    assert (await desk.replay(of([letter]))).letters


async def test_what_the_database_kept_from_a_replay_rests_for_the_reason_it_had(desk: Desk) -> None:
    letter = await put(desk, 1)
    desk.consumer.errors.append(StorageUnavailableError())

    replayed = await desk.replay(of([letter]))

    now = await stored(desk, letter)
    assert (now.state, now.reason, now.cause) == (
        LetterState.RESTING,
        letter.reason,
        letter.cause,
    )
    assert len(now.attempts) == len(letter.attempts) + 1
    assert [type(error) for _, error in replayed.refused] == [StorageUnavailableError]
    assert [audit.reason for audit in desk.letters.audits] == ["DATABASE_UNAVAILABLE"]


async def test_a_broker_that_is_away_leaves_the_letter_resting(desk: Desk) -> None:
    letter = await put(desk, 1, topic="usage.events")
    desk.publisher.errors.append(PublisherAwayError("gone"))

    replayed = await desk.replay(of([letter]))

    assert [type(error) for _, error in replayed.refused] == [PublisherAwayError]
    assert (await stored(desk, letter)).state is LetterState.RESTING


async def test_a_letter_whose_payload_was_cut_is_not_replayed(desk: Desk) -> None:
    letter = replace(await put(desk, 1), id=DeadLetterId(UUID(int=2)), origin="2")
    await desk.letters.put(replace(letter, payload_bytes=MOST_PAYLOAD + 1), CONTENT)

    await desk.replay(of([letter]))

    assert desk.consumer.taken == []
    assert (await stored(desk, letter)).reason == "DEAD_LETTER_CUT"


async def test_all_that_match_are_replayed_in_their_order(desk: Desk) -> None:
    for number in (3, 1, 2):
        await put(desk, number)
    await put(desk, 4, topic="tool.requests")
    asked = LetterFilter(tenant_id=TENANT, topic="conversation.inbound")

    first = await desk.replay(replace(of([]), asked=asked, limit=2))
    second = await desk.replay(replace(of([]), asked=asked, limit=2, after=first.ended))

    assert [one.id.int for one in (*first.letters, *second.letters)] == [1, 2, 3]
    assert (first.ended, second.ended) == (DeadLetterId(UUID(int=2)), None)


async def test_those_after_one_that_is_refused_again_are_replayed(desk: Desk) -> None:
    for number in (1, 2, 3):
        await put(desk, number)
    desk.consumer.errors.append(SessionNotFoundError("x"))
    asked = LetterFilter(tenant_id=TENANT)

    first = await desk.replay(replace(of([]), asked=asked, limit=2))
    second = await desk.replay(replace(of([]), asked=asked, limit=2, after=first.ended))

    assert [letter_id.int for letter_id, _ in first.refused] == [1]
    assert [one.id.int for one in (*first.letters, *second.letters)] == [2, 3]
    assert second.ended is None


async def test_one_that_is_not_there_does_not_stop_the_others(desk: Desk) -> None:
    letter = await put(desk, 2)
    missing = dead_letter(DeadLetterId(UUID(int=1)))

    replayed = await desk.replay(of([missing, letter]))

    assert [one.id for one in replayed.letters] == [letter.id]
    assert [letter_id for letter_id, _ in replayed.refused] == [missing.id]
