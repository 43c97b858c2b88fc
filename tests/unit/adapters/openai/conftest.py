"""An upstream for each test, and a model that talks to it."""

from collections.abc import AsyncGenerator

import pytest

from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.provider import Provider
from adapters.openai.session import ProviderSession, open_session
from tests.fakes import StoppedClock
from tests.upstream.scripted import ScriptedUpstream, scripted_upstream


@pytest.fixture
async def upstream() -> AsyncGenerator[ScriptedUpstream]:
    async with scripted_upstream() as running:
        yield running


@pytest.fixture
async def session(upstream: ScriptedUpstream) -> AsyncGenerator[ProviderSession]:
    async with open_session(Provider(name="scripted", base_url=upstream.base_url)) as opened:
        yield opened


@pytest.fixture
def model(session: ProviderSession) -> OpenAiLanguageModel:
    return OpenAiLanguageModel(session, StoppedClock())
