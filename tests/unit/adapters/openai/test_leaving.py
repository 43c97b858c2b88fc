"""Calls that end early: by their time, by their reader, with their session."""

import asyncio
from contextlib import aclosing

import pytest

from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.provider import Patience, Provider
from adapters.openai.session import ProviderSession, open_session
from application.conversation.ports.models import ModelRequest, ModelText
from domain.conversation.errors import (
    ModelTimedOutError,
    ModelTruncatedError,
)
from tests.fakes import StoppedClock
from tests.upstream.calls import capability, chunks_of, model_request
from tests.upstream.chunks import (
    text,
)
from tests.upstream.scripted import (
    NOTHING,
    Ending,
    Reply,
    ScriptedUpstream,
    streamed,
)

ASKED = model_request(capability())
SECRET = b'{"error": {"message": "sk-secret and the prompt", "code": "sk-secret", "type": "x_y"}}'


@pytest.mark.parametrize(
    ("reply", "patience", "request_", "stage"),
    [
        (NOTHING, Patience(first_byte=0.05), ASKED, "first byte"),
        (streamed(Ending.SILENCE), Patience(first_byte=0.05), ASKED, "first byte"),
        (streamed(text("a"), Ending.SILENCE), Patience(between_chunks=0.05), ASKED, "between"),
        (NOTHING, Patience(whole=0.05), ASKED, "whole"),
        (NOTHING, Patience(), model_request(capability(), seconds=0.05), "whole"),
        (streamed(text("a"), Ending.SILENCE), Patience(whole=0.5), ASKED, "whole"),
    ],
)
async def test_each_stage_has_its_patience(
    reply: Reply,
    patience: Patience,
    request_: ModelRequest,
    stage: str,
    upstream: ScriptedUpstream,
) -> None:
    provider = Provider(name="scripted", base_url=upstream.base_url, patience=patience)
    upstream.answers(reply)

    async with open_session(provider) as session:
        with pytest.raises(ModelTimedOutError, match=stage):
            await chunks_of(OpenAiLanguageModel(session, StoppedClock()).stream(request_))


async def test_a_call_that_is_given_up_closes_its_socket(upstream: ScriptedUpstream) -> None:
    patience = Patience(between_chunks=0.05)
    provider = Provider(name="scripted", base_url=upstream.base_url, patience=patience)
    upstream.answers(streamed(text("a"), Ending.SILENCE))

    async with open_session(provider) as session:
        with pytest.raises(ModelTimedOutError):
            await chunks_of(OpenAiLanguageModel(session, StoppedClock()).stream(ASKED))
        await upstream.last.left.wait()


async def test_waiting_for_a_free_connection_is_connecting(upstream: ScriptedUpstream) -> None:
    provider = Provider(
        name="scripted",
        base_url=upstream.base_url,
        connections=1,
        patience=Patience(connect=3.0),
    )
    upstream.answers(streamed(text("a"), Ending.SILENCE))

    async with open_session(provider) as session:
        model = OpenAiLanguageModel(session, StoppedClock())
        async with aclosing(model.stream(ASKED)) as busy:
            await anext(busy)
            with pytest.raises(ModelTimedOutError, match="connect"):
                await chunks_of(model.stream(ASKED))


async def test_closing_the_iterator_closes_the_socket(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(text("a"), Ending.SILENCE))

    async with aclosing(model.stream(ASKED)) as stream:
        assert await anext(stream) == ModelText("a")

    await upstream.last.left.wait()


@pytest.mark.parametrize("reply", [NOTHING, streamed(text("a"), Ending.SILENCE)])
async def test_cancelling_the_reader_closes_the_socket(
    reply: Reply, upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(reply)
    reading = asyncio.create_task(chunks_of(model.stream(ASKED)))
    await upstream.came.wait()

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    await upstream.last.left.wait()


async def test_leaving_the_session_ends_what_still_streams(
    upstream: ScriptedUpstream, session: ProviderSession
) -> None:
    upstream.answers(streamed(text("a"), Ending.SILENCE))
    provider = session.provider

    async with open_session(provider) as short:
        stream = OpenAiLanguageModel(short, StoppedClock()).stream(ASKED)
        await anext(stream)

    with pytest.raises(ModelTruncatedError):
        await anext(stream)
    await upstream.last.left.wait()
