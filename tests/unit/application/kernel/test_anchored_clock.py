"""The database's time is asked for now and then, and counted on in between."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from application.kernel.anchored_clock import ANCHOR_SECONDS, AnchoredClock
from domain.kernel.errors import StorageUnavailableError
from tests.fakes import NOON, StoppedClock, WrongClock


@dataclass(slots=True)
class Asked:
    """A `DurableClock` that counts its questions, and answers where it is not `away`."""

    clock: StoppedClock
    questions: int = 0
    away: bool = False

    async def now(self) -> datetime:
        self.questions += 1
        if self.away:
            raise StorageUnavailableError
        return self.clock.now()


@pytest.fixture
def database() -> Asked:
    return Asked(StoppedClock())


@pytest.fixture
def anchored(database: Asked) -> AnchoredClock:
    return AnchoredClock(times=database, clock=WrongClock(database.clock))


async def test_it_is_the_databases_time_that_was_asked_for_once(
    anchored: AnchoredClock, database: Asked
) -> None:
    assert await anchored.now() == NOON
    database.clock.advance(ANCHOR_SECONDS - 1)

    assert await anchored.now() == NOON + timedelta(seconds=ANCHOR_SECONDS - 1)
    assert database.questions == 1


async def test_a_step_of_the_databases_clock_is_followed(
    anchored: AnchoredClock, database: Asked
) -> None:
    await anchored.now()
    database.clock.at += timedelta(hours=1)
    database.clock.advance(ANCHOR_SECONDS)

    assert await anchored.now() == database.clock.now()


async def test_time_goes_on_while_the_database_is_away(
    anchored: AnchoredClock, database: Asked
) -> None:
    await anchored.now()
    database.away = True
    database.clock.advance(10 * ANCHOR_SECONDS)

    assert await anchored.now() == database.clock.now()


async def test_before_the_first_answer_there_is_no_time(
    anchored: AnchoredClock, database: Asked
) -> None:
    database.away = True
    with pytest.raises(StorageUnavailableError):
        await anchored.now()

    database.away = False
    assert await anchored.now() == NOON
