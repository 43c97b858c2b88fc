"""What a process keeps for itself: allowances, breakers, secrets for keys."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.local.no_tokens import NoTokens
from adapters.local.provider_health import MOST_BREAKERS, LocalProviderHealth
from adapters.local.rate_limits import LocalRateLimits, RateTerms
from adapters.local.secret_source import SystemSecretSource
from domain.identity.errors import CredentialRefusedError
from domain.kernel.resilience import Guarded
from tests.builders import OTHER_TENANT, TENANT
from tests.fakes import StoppedClock


class TestLocalRateLimits:
    async def test_lets_a_full_bucket_through_and_then_tells_how_long_to_wait(self) -> None:
        clock = StoppedClock()
        limits = LocalRateLimits(RateTerms(capacity=2, per_second=4), clock)

        waits = [await limits.take(TENANT) for _ in range(3)]

        assert waits == [0.0, 0.0, 0.25]
        clock.advance(0.25)
        assert await limits.take(TENANT) == 0.0

    async def test_one_tenant_does_not_use_anothers(self) -> None:
        limits = LocalRateLimits(RateTerms(capacity=1, per_second=1), StoppedClock())
        await limits.take(TENANT)

        assert await limits.take(OTHER_TENANT) == 0.0

    @given(st.lists(st.floats(min_value=0, max_value=5), max_size=50))
    async def test_never_lets_more_through_than_was_filled_in(self, pauses: list[float]) -> None:
        clock = StoppedClock()
        limits = LocalRateLimits(RateTerms(capacity=3, per_second=2), clock)
        passed = 0
        for pause in pauses:
            clock.advance(pause)
            passed += await limits.take(TENANT) == 0.0

        assert passed <= 3 + 2 * clock.seconds + 1e-6


class TestLocalProviderHealth:
    def test_refuses_a_provider_that_failed_five_times_and_lets_a_probe_through(self) -> None:
        clock = StoppedClock()
        health = LocalProviderHealth(clock, Guarded.PROVIDER)
        for _ in range(5):
            health.failed("openai")

        assert not health.allows("openai")
        assert health.refusing() == {"openai"}
        clock.advance(60)
        assert health.refusing() == frozenset()
        assert health.allows("openai")
        assert not health.allows("openai")
        health.succeeded("openai")
        assert health.allows("openai")
        assert health.refusing() == ()

    def test_one_provider_says_nothing_of_another(self) -> None:
        health = LocalProviderHealth(StoppedClock(), Guarded.TOOL)
        for _ in range(5):
            health.failed("a")

        assert health.allows("b")

    def test_remembers_so_many_and_no_more(self) -> None:
        health = LocalProviderHealth(StoppedClock(), Guarded.TOOL)
        for number in range(MOST_BREAKERS + 1):
            for _ in range(5):
                health.failed(str(number))

        assert len(health.refusing()) == MOST_BREAKERS


def test_a_secret_is_32_random_bytes() -> None:
    secrets = {SystemSecretSource().secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", secret) for secret in secrets)


async def test_without_an_issuer_no_token_is_taken() -> None:
    with pytest.raises(CredentialRefusedError):
        await NoTokens().verify("token")
