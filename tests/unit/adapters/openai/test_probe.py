"""What a probe and a look around find."""

from urllib.parse import urlsplit

import pytest

from adapters.openai.discovery import FoundServer, discover
from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.probe import probe
from adapters.openai.provider import Provider
from adapters.openai.router import LanguageModelRouter
from adapters.openai.session import ProviderSession, open_session
from domain.capability.capability import ToolCalling
from domain.conversation.errors import ModelFailedError
from tests.upstream.calls import answer_of, capability, chunks_of, model_request
from tests.upstream.scripted import NOTHING, Reply, ScriptedUpstream, plain, scripted_upstream


def port_of(upstream: ScriptedUpstream) -> int:
    port = urlsplit(upstream.base_url).port
    assert port
    return port


async def test_a_provider_that_is_well_names_its_models(session: ProviderSession) -> None:
    health = await probe(session)

    assert health.reachable
    assert health.models == ("scripted",)
    assert health.latency_seconds > 0
    assert health.cause == ""


@pytest.mark.parametrize(
    ("models", "cause"),
    [
        (plain(401, b'{"error": "sk-secret"}'), "it refuses to list its models (HTTP 401)"),
        (plain(200, b"<html>", "text/html"), "what it answers is no list of models"),
    ],
)
async def test_a_provider_that_refuses_is_reachable(
    models: Reply, cause: str, upstream: ScriptedUpstream, session: ProviderSession
) -> None:
    upstream.models = models

    health = await probe(session)

    assert (health.reachable, health.models, health.cause) == (True, (), cause)


async def test_a_provider_that_is_silent_takes_too_long(
    upstream: ScriptedUpstream, session: ProviderSession
) -> None:
    upstream.models = NOTHING

    health = await probe(session, seconds=0.05)

    assert (health.reachable, health.cause) == (False, "it takes too long")


async def test_a_provider_that_is_not_there_is_not_reachable() -> None:
    async with open_session(Provider(name="nobody", base_url="http://127.0.0.1:9/v1")) as session:
        health = await probe(session)

    assert (health.reachable, health.cause) == (False, "it refuses connections")


async def test_a_server_on_this_machine_is_found(upstream: ScriptedUpstream) -> None:
    async with scripted_upstream() as llama:
        llama.others["/props"] = lambda _: plain(
            200, b'{"default_generation_settings": {"n_ctx": 4096}}'
        )

        found = await discover((port_of(upstream), 9, port_of(llama)), seconds=30)

    assert found == (
        FoundServer(
            software="unknown",
            base_url=upstream.base_url,
            models=("scripted",),
            context_window=0,
            tool_calling=ToolCalling.NATIVE,
            counts_tokens=False,
        ),
        FoundServer(
            software="llama.cpp",
            base_url=llama.base_url,
            models=("scripted",),
            context_window=4096,
            tool_calling=ToolCalling.JSON_SCHEMA,
            counts_tokens=True,
        ),
    )


@pytest.mark.parametrize("models", [plain(404), plain(200, b'{"data": []}'), plain(200, b"[]")])
async def test_what_offers_no_model_is_passed_over(
    models: Reply, upstream: ScriptedUpstream
) -> None:
    upstream.models = models

    assert await discover((port_of(upstream),), seconds=30) == ()


async def test_a_capability_goes_to_the_model_of_its_provider(model: OpenAiLanguageModel) -> None:
    router = LanguageModelRouter({"scripted": model})

    words, _ = await answer_of(router, model_request(capability()))

    assert words == "Good day."


async def test_a_provider_that_is_not_configured_fails(model: OpenAiLanguageModel) -> None:
    router = LanguageModelRouter({"scripted": model})

    with pytest.raises(ModelFailedError, match="not configured"):
        await chunks_of(router.stream(model_request(capability(provider="other"))))
