"""Answers streamed from an upstream: what is told, and that its connection is kept."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.provider import Provider
from adapters.openai.session import open_session
from application.conversation.ports.models import ModelEnd, ModelText
from domain.capability.capability import ToolCalling
from tests.fakes import StoppedClock
from tests.upstream.calls import (
    ARITHMETIC,
    NAMED,
    REQUIRED,
    answer_of,
    capability,
    chunks_of,
    model_request,
)
from tests.upstream.chunks import (
    DONE,
    answer,
    event,
    finish,
    joined,
    likely_text,
    text,
    usage,
)
from tests.upstream.scripted import ScriptedUpstream, plain, scripted_upstream, streamed

ASKED = model_request(capability())
SCHEMA_CALL = model_request(
    capability(ToolCalling.JSON_SCHEMA), tools=(ARITHMETIC,), tool_choice=NAMED
)


async def test_all_the_text_of_one_read_is_one_chunk(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*joined(answer("17.5 ", "€ 3 ", "is 52.5"))))

    chunks = await chunks_of(model.stream(ASKED))

    assert [type(chunk) for chunk in chunks] == [ModelText, ModelEnd]
    assert chunks[0] == ModelText("17.5 € 3 is 52.5")


async def test_text_is_given_as_it_arrives(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    more = asyncio.Event()
    upstream.answers(streamed(text("one"), more, text(" two"), finish(), usage(), DONE))

    async with aclosing(model.stream(ASKED)) as stream:
        first = await anext(stream)
        more.set()
        rest = [part async for part in stream]

    assert first == ModelText("one")
    assert rest[0] == ModelText(" two")


async def test_a_character_cut_in_two_is_whole_again(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    whole = b"".join(answer("größer"))
    middle = whole.index("ö".encode()) + 1
    more = asyncio.Event()
    upstream.answers(streamed(whole[:middle], more, whole[middle:]))
    reading = asyncio.create_task(answer_of(model, ASKED))
    more.set()

    words, _ = await reading

    assert words == "größer"


async def test_the_end_tells_usage_id_and_time(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(
        streamed(text("a"), finish("length"), usage(100, 20, cached=60, reasoning=5), DONE)
    )

    _, end = await answer_of(model, ASKED)

    assert end.finish_reason == "length"
    assert (end.prompt_tokens, end.completion_tokens) == (100, 20)
    assert (end.cached_tokens, end.reasoning_tokens) == (60, 5)
    assert end.request_id == "chatcmpl-1"
    assert end.first_byte_seconds > 0
    assert end.confidence is None


async def test_a_header_names_the_request_before_its_body_does(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    reply = plain(200, b"".join(answer("a")), "text/event-stream", x_request_id="req_7")
    upstream.answers(reply)

    assert (await answer_of(model, ASKED))[1].request_id == "req_7"


@pytest.mark.parametrize("tokens", [-1, 10**12])
async def test_a_count_that_cannot_be_is_not_told(
    tokens: int, upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(text("a"), finish(), usage(tokens, tokens, cached=9), DONE))

    _, end = await answer_of(model, ASKED)

    assert (end.prompt_tokens, end.completion_tokens, end.cached_tokens) == (None, None, 0)


async def test_a_provider_may_tell_no_usage(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(text("a"), finish(), DONE))

    assert (await answer_of(model, ASKED))[1].prompt_tokens is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("content_filter", "content_filter"),
        ("SAFETY", "content_filter"),
    ],
)
async def test_finish_reasons_have_one_name_each(
    said: str, meant: str, upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*answer("a", reason=said)))

    assert (await answer_of(model, ASKED))[1].finish_reason == meant


async def test_confidence_is_the_mean_probability_of_the_tokens(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(
        streamed(likely_text("a", 0.0), likely_text("b", -0.6931471805599453), finish(), DONE)
    )

    _, end = await answer_of(model, ASKED)

    assert end.confidence == pytest.approx(0.75)


async def test_what_no_database_stores_is_replaced(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*answer("a\0b")))

    assert (await answer_of(model, ASKED))[0] == "a\ufffdb"


async def test_choices_other_than_the_first_are_passed_over(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    other = event({"choices": [{"index": 1, "delta": {"content": "no"}}]})
    upstream.answers(streamed(other, *answer("yes")))

    assert (await answer_of(model, ASKED))[0] == "yes"


async def test_calls_one_after_the_other_use_one_connection(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    for _ in range(3):
        await answer_of(model, ASKED)

    assert len({exchange.connection for exchange in upstream.exchanges}) == 1


async def test_an_option_that_is_refused_is_not_sent_again(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    refusal = plain(400, b'{"error": {"message": "Unknown parameter: stream_options"}}')
    upstream.answers(refusal)

    await answer_of(model, ASKED)
    await answer_of(model, ASKED)

    assert [("stream_options" in exchange.body) for exchange in upstream.exchanges] == [
        True,
        False,
        False,
    ]


@pytest.fixture
async def rotating() -> AsyncGenerator[tuple[OpenAiLanguageModel, list[str], ScriptedUpstream]]:
    keys = ["first", "second"]

    async def next_key() -> str:
        return keys.pop(0)

    async with scripted_upstream() as upstream:
        provider = Provider(
            name="keyed",
            base_url=upstream.base_url,
            api_key=next_key,
            headers=(("X-Organization", "ours"),),
        )
        async with open_session(provider) as session:
            yield OpenAiLanguageModel(session, StoppedClock()), keys, upstream


async def test_the_key_is_asked_for_at_each_call(
    rotating: tuple[OpenAiLanguageModel, list[str], ScriptedUpstream],
) -> None:
    model, keys, upstream = rotating

    await answer_of(model, ASKED)
    await answer_of(model, ASKED)

    assert keys == []
    assert [exchange.headers["Authorization"] for exchange in upstream.exchanges] == [
        "Bearer first",
        "Bearer second",
    ]
    assert upstream.last.headers["X-Organization"] == "ours"


def test_a_provider_does_not_show_its_secrets() -> None:
    async def key() -> str:
        return "sk-secret"

    shown = repr(Provider(name="a", api_key=key, headers=(("X-Key", "sk-other"),)))

    assert "sk-" not in shown


async def test_a_large_prompt_is_sent_whole(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    words = "word " * 300_000
    request = model_request(
        capability(),
        messages=(type(ASKED.messages[0])(ASKED.messages[0].role, words),),
        tools=(ARITHMETIC,),
        tool_choice=REQUIRED,
    )

    await answer_of(model, request)

    assert upstream.last.body["messages"] == [{"role": "user", "content": words}]


async def test_an_answer_that_comes_faster_than_it_is_read_is_whole(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    words = ["word " * 2_000] * 800
    upstream.answers(streamed(*joined(answer(*words))))

    async with aclosing(model.stream(ASKED)) as stream:
        said: list[str] = []
        async for part in stream:
            for _ in range(64):  # the event loop reads on, until it has to pause
                await asyncio.sleep(0)
            if isinstance(part, ModelText):
                said.append(part.delta)

    assert "".join(said) == "".join(words)
