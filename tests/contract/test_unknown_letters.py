"""Letters of senders that nobody knows are bounded, in every store of dead letters."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from adapters.inmemory.dead_letters import InMemoryDeadLetters
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.outgoing import Outgoing
from adapters.protobuf.events import EventEncoding
from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.delivery.ports.dead_letters import DeadLetters, LetterFilter
from domain.delivery.dead_letter import Content, DeadLetter
from domain.kernel.identifiers import DeadLetterId
from domain.tenancy.tenant import PLATFORM_TENANT_ID
from tests.builders import TENANT, dead_letter

IDENTIFIERS: Final = SystemIdentifiers()
CONTENT: Final = Content(headers=(), payload=b"garbage")


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def letters(request: pytest.FixtureRequest) -> DeadLetters:
    if request.param == "inmemory":
        return InMemoryDeadLetters(SystemClock())
    database: Database = request.getfixturevalue("fresh_database")
    return PostgresDeadLetters(database=database, outgoing=Outgoing(EventEncoding({})))


def unknown(number: int) -> DeadLetter:
    letter = dead_letter(DeadLetterId(IDENTIFIERS.next()), origin=str(number))
    return replace(letter, tenant_id=PLATFORM_TENANT_ID, tenant="platform")


def made_at(moment: datetime) -> DeadLetterId:
    """An identifier of that time."""
    below = IDENTIFIERS.next().int & ((1 << 80) - 1)
    return DeadLetterId(UUID(int=int(moment.timestamp() * 1000) << 80 | below))


async def kept(letters: DeadLetters) -> Sequence[str]:
    every = LetterFilter(tenant_id=None)
    return [one.origin for one in await letters.page(every, None, 100)]


async def test_the_latest_are_kept(letters: DeadLetters) -> None:
    for number in range(5):
        await letters.put(unknown(number), CONTENT)

    assert await letters.keep_unknown(3) == 2
    assert await letters.keep_unknown(3) == 0

    assert await kept(letters) == ["2", "3", "4"]


async def test_the_latest_are_told_by_no_clock_of_a_consumer(letters: DeadLetters) -> None:
    for number in range(3):
        letter = unknown(number)
        early = letter.created_at - timedelta(days=number)
        attempts = tuple(replace(one, at=early) for one in letter.attempts)
        await letters.put(replace(letter, created_at=early, attempts=attempts), CONTENT)

    assert await letters.keep_unknown(1) == 2

    assert await kept(letters) == ["2"]


async def test_letters_of_tenants_and_of_the_relay_give_way_to_none(letters: DeadLetters) -> None:
    theirs = replace(dead_letter(origin="theirs"), tenant_id=TENANT)
    await letters.put(theirs, CONTENT)
    await letters.put(replace(unknown(0), source="relay"), CONTENT)
    await letters.put(unknown(1), CONTENT)

    assert await letters.keep_unknown(0) == 1

    assert await kept(letters) == ["theirs", "0"]


async def test_one_that_somebody_looks_into_stays(letters: DeadLetters) -> None:
    for number in range(4):
        await letters.put(unknown(number), CONTENT)
    first, *_ = await letters.page(LetterFilter(tenant_id=PLATFORM_TENANT_ID), None, 1)
    await letters.take(PLATFORM_TENANT_ID, [first.id], 60)

    assert await letters.keep_unknown(1) == 2

    assert await kept(letters) == ["0", "3"]


@pytest.mark.parametrize(("seconds", "found"), [(1, []), (-1, ["theirs"])])
async def test_a_page_goes_on_behind_one_that_gave_way(
    letters: DeadLetters, seconds: int, found: list[str]
) -> None:
    await letters.put(replace(dead_letter(origin="theirs"), tenant_id=TENANT), CONTENT)
    (theirs,) = await letters.page(LetterFilter(tenant_id=TENANT), None, 1)
    gone = replace(unknown(0), id=made_at(theirs.created_at + timedelta(seconds=seconds)))
    await letters.put(gone, CONTENT)
    await letters.keep_unknown(0)

    rest = await letters.page(LetterFilter(tenant_id=None), gone.id, 100)

    assert [one.origin for one in rest] == found
