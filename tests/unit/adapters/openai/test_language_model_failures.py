"""What goes wrong at a provider, and what is said of it."""

from collections.abc import Sequence

import pytest

from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.provider import Provider
from adapters.openai.session import open_session
from domain.capability.capability import ToolCalling
from domain.conversation.errors import (
    ModelFailedError,
    ModelRateLimitedError,
    ModelTruncatedError,
)
from tests.fakes import StoppedClock
from tests.upstream.calls import ARITHMETIC, NAMED, answer_of, capability, chunks_of, model_request
from tests.upstream.chunks import (
    DONE,
    answer,
    call_part,
    error,
    event,
    finish,
    text,
    usage,
)
from tests.upstream.scripted import (
    Ending,
    Reply,
    ScriptedUpstream,
    Step,
    plain,
    streamed,
)

ASKED = model_request(capability())
SECRET = b'{"error": {"message": "sk-secret and the prompt", "code": "sk-secret", "type": "x_y"}}'


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (plain(400, SECRET), r"refused the request: x_y \(HTTP 400\)"),
        (plain(401), "refused the credentials"),
        (plain(402), "asks for payment"),
        (plain(403), "refused the credentials"),
        (plain(404, b'{"error": {"code": "model_not_found"}}'), "model_not_found"),
        (plain(422, b'{"detail": []}'), "refused the request"),
        (plain(500, b"<html>no", "text/html"), r"it failed \(HTTP 500\)"),
        (plain(500, b"{" * 200_000), r"it failed \(HTTP 500\)"),
        (plain(302, b"", Location="http://127.0.0.1:1/"), r"it failed \(HTTP 302\)"),
        (plain(200, b"<html>", "text/html"), "answered with text/html"),
        (plain(200, b'{"choices": []}'), "answered with application/json"),
        (plain(200, b'{"error": {"type": "overloaded_error"}}'), "overloaded_error"),
        (plain(200, SECRET), "reported an error: x_y"),
        (plain(200, b"", "text/<script>"), "answered with something unknown"),
    ],
)
async def test_a_refusal_is_told_shortly_and_without_its_body(
    reply: Reply, cause: str, upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(reply)

    with pytest.raises(ModelFailedError, match=cause) as caught:
        await chunks_of(model.stream(ASKED))

    told = f"{caught.value} {caught.value.facts}"
    assert "secret" not in told
    assert "prompt" not in told


async def test_the_status_is_among_the_facts(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(plain(503, b"", Retry_After="3"))

    with pytest.raises(ModelFailedError) as caught:
        await chunks_of(model.stream(ASKED))

    assert caught.value.facts == {"capability": "scripted-large", "status": "503"}
    assert caught.value.retry_after_seconds == 3.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "0.5"}, 0.5),
        ({"Retry_After": "-3"}, 0.0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "nan"}, None),
        ({"Retry_After": "inf"}, None),
        (
            {
                "Date": "Sat, 21 Nov 2026 12:00:00 GMT",
                "Retry_After": "Sat, 21 Nov 2026 12:01:30 GMT",
            },
            90.0,
        ),
        ({"Date": "?", "Retry_After": "Sat, 21 Nov 2026 12:00:05 GMT"}, 5.0),  # StoppedClock: noon
        (
            {
                "Date": "Sat, 21 Nov 2026 12:00:00 GMT",
                "Retry_After": "Sat, 21 Nov 2026 11:00:00 GMT",
            },
            0.0,
        ),
    ],
)
async def test_a_rate_limit_says_when_to_come_again(
    headers: dict[str, str],
    seconds: float | None,
    upstream: ScriptedUpstream,
    model: OpenAiLanguageModel,
) -> None:
    upstream.answers(plain(429, b"{}", **headers))

    with pytest.raises(ModelRateLimitedError) as caught:
        await chunks_of(model.stream(ASKED))

    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "steps",
    [
        (b"",),
        (text("a"),),
        (text("a"), finish()),
        (text("a"), finish(), usage()),
        (text("a"), finish(), b"data: [DONE]"),
        (text("a"), b'data: {"choices": [{"delta": {"con'),
        (text("a"), Ending.CUT),
        (Ending.CUT,),
    ],
)
async def test_a_stream_without_its_terminator_is_truncated(
    steps: Sequence[Step], upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*steps))

    with pytest.raises(ModelTruncatedError):
        await chunks_of(model.stream(ASKED))


@pytest.mark.parametrize(
    ("steps", "cause"),
    [
        ((b"data: {nonsense\n\n", DONE), "not of the protocol"),
        ((b"data: \xff\xfe\n\n", DONE), "not of the protocol"),
        ((b'data: {"choices": "no"}\n\n', DONE), "not of the protocol"),
        ((b"data: " + b"[" * 100_000 + b"\n\n", DONE), "not of the protocol"),
        ((event({"choices": [{"delta": {"content": 7}}]}), DONE), "not of the protocol"),
        ((text("a"), DONE), "no finish reason"),
        ((*answer("a", reason="tool_calls"),), "named none"),
        ((*answer("a", reason="because"),), "not known"),
        ((text("a"), error("overloaded"), DONE), "reported an error: overloaded"),
        ((event({"error": "sk-secret"}), DONE), "reported an error$"),
        ((call_part(arguments="{}"), finish("tool_calls"), DONE), "no name"),
        ((call_part(name="x" * 129), finish(), DONE), "too long"),
        (
            (*(call_part(index=number, name="a") for number in range(65)), finish(), DONE),
            "too many",
        ),
        ((b"data: " + b"x" * 3_000_000 + b"\n\n",), "too long"),
    ],
)
async def test_what_is_not_of_the_protocol_fails(
    steps: Sequence[Step], cause: str, upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*steps))

    with pytest.raises(ModelFailedError, match=cause):
        await chunks_of(model.stream(ASKED))


async def test_a_rate_limit_within_the_stream_is_one(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(error("rate_limit_exceeded")))

    with pytest.raises(ModelRateLimitedError):
        await chunks_of(model.stream(ASKED))


async def test_a_demanded_call_that_is_none_fails(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    request = model_request(
        capability(ToolCalling.JSON_SCHEMA), tools=(ARITHMETIC,), tool_choice=NAMED
    )
    upstream.answers(streamed(*answer("Of course!")))

    with pytest.raises(ModelFailedError, match="not of its schema"):
        await chunks_of(model.stream(request))


async def test_an_answer_beyond_its_bound_fails(upstream: ScriptedUpstream) -> None:
    provider = Provider(name="scripted", base_url=upstream.base_url, max_answer_bytes=1000)
    upstream.answers(streamed(*(text("word") for _ in range(50)), Ending.SILENCE))

    async with open_session(provider) as session:
        with pytest.raises(ModelFailedError, match="too long"):
            await chunks_of(OpenAiLanguageModel(session, StoppedClock()).stream(ASKED))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://127.0.0.1:0/v1"])
async def test_where_nobody_listens_connections_are_refused(address: str) -> None:
    async with open_session(Provider(name="nobody", base_url=address)) as session:
        with pytest.raises(ModelFailedError) as caught:
            await chunks_of(OpenAiLanguageModel(session, StoppedClock()).stream(ASKED))

    assert "127.0.0.1" not in str(caught.value)


async def test_a_socket_file_that_is_not_there_refuses_connections() -> None:
    async with open_session(Provider(name="nobody", socket="/nonexistent/socket")) as session:
        with pytest.raises(ModelFailedError, match="refuses connections") as caught:
            await chunks_of(OpenAiLanguageModel(session, StoppedClock()).stream(ASKED))

    assert "nonexistent" not in str(caught.value)


async def test_a_key_that_cannot_be_sent_is_not_repeated(upstream: ScriptedUpstream) -> None:
    async def key() -> str:
        return "sk-secret\nX-Other: 1"

    provider = Provider(name="scripted", base_url=upstream.base_url, api_key=key)
    async with open_session(provider) as session:
        with pytest.raises(ModelFailedError, match="cannot be sent") as caught:
            await chunks_of(OpenAiLanguageModel(session, StoppedClock()).stream(ASKED))

    assert "secret" not in str(caught.value)
    assert upstream.exchanges == []


async def test_a_failed_call_leaves_the_next_one_well(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(plain(500), streamed(text("a"), Ending.CUT), streamed(b"data: {\n\n"))
    for _ in range(3):
        with pytest.raises((ModelFailedError, ModelTruncatedError)):
            await chunks_of(model.stream(ASKED))

    assert (await answer_of(model, ASKED))[0] == "Good day."
