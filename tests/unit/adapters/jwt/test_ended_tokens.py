"""A token that has ended is refused at little cost, however often it is shown."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from adapters.jwt.verifier import JwtVerifier
from application.kernel.anchored_clock import ANCHOR_SECONDS, AnchoredClock
from domain.identity.errors import CredentialExpiredError
from tests.fakes import StoppedClock
from tests.unit.adapters.jwt.issuer import NOW, Issuer, claims, settings_for, token


@dataclass(slots=True)
class CountedTimes:
    """A `DurableClock` that counts its questions."""

    clock: StoppedClock
    questions: int = 0

    async def now(self) -> datetime:
        self.questions += 1
        return self.clock.now()


async def test_the_database_is_asked_for_the_time_once_for_many(issuer: Issuer) -> None:
    times = CountedTimes(issuer.clock)
    anchored = AnchoredClock(times=times, clock=issuer.clock)
    verifier = JwtVerifier(settings_for(str(issuer.file)), issuer.clock, anchored)
    ended = token(claims(exp=NOW - 3600))

    for _ in range(5):
        with pytest.raises(CredentialExpiredError):
            await verifier.verify(ended)

    assert times.questions == 1


async def test_one_that_ends_between_two_questions_is_refused(issuer: Issuer) -> None:
    times = CountedTimes(issuer.clock)
    anchored = AnchoredClock(times=times, clock=issuer.clock)
    verifier = JwtVerifier(settings_for(str(issuer.file)), issuer.clock, anchored)
    ending = token(claims(exp=NOW))
    assert (await verifier.verify(ending)).seconds == 30

    issuer.clock.advance(30)

    assert ANCHOR_SECONDS > 30
    with pytest.raises(CredentialExpiredError):
        await verifier.verify(ending)
    assert times.questions == 1
