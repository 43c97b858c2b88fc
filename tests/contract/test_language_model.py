"""What every language model does, whatever it says: scripted, behind an upstream, and local."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import pytest
import pytest_asyncio

from adapters.inmemory.language_model import ScriptedLanguageModel, called, said
from adapters.llama.local_model import LocalModel
from adapters.llama.server import LlamaTerms, open_llama_server
from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.provider import Patience, Provider
from adapters.openai.session import open_session
from application.conversation.ports.models import LanguageModel, ModelText
from domain.capability.capability import Capability
from domain.conversation.errors import ModelTimedOutError
from domain.conversation.message import Message, Role, ToolCall
from domain.kernel.tool_choice import ToolChoice
from tests.fakes import StoppedClock
from tests.upstream.calls import (
    ARITHMETIC,
    AUTO,
    CURRENT_TIME,
    NAMED,
    QUESTION,
    REQUIRED,
    answer_of,
    capability,
    chunks_of,
    model_request,
)
from tests.upstream.chunks import answer, call
from tests.upstream.scripted import scripted_upstream, streamed

WORDS = ("17.5 * 3 ", "is ", "52.5.")
SLOW = Patience(connect=300.0, first_byte=300.0, between_chunks=300.0, whole=300.0)
"""A model that thinks on this machine takes as long as that takes."""

CALL = ToolCall("call_a", "arithmetic", '{"expression":"17.5 * 3"}')


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, and how those that follow a script are told what they will say next."""

    model: LanguageModel
    capability: Capability
    speak: Callable[[], None]
    call: Callable[[], None]


def nothing() -> None:
    """A model that thinks for itself is told nothing."""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def local_model() -> AsyncGenerator[LocalModel]:
    async with open_llama_server(LlamaTerms(start=SLOW.whole)) as server:
        yield server.model


async def scripted() -> AsyncGenerator[Subject]:
    model = ScriptedLanguageModel()
    yield Subject(
        model,
        capability(),
        lambda: model.will_say(said(*WORDS)),
        lambda: model.will_say(called(CALL)),
    )


async def behind_upstream() -> AsyncGenerator[Subject]:
    async with scripted_upstream() as upstream:
        provider = Provider(name="scripted", base_url=upstream.base_url)
        async with open_session(provider) as session:
            yield Subject(
                OpenAiLanguageModel(session, StoppedClock()),
                capability(),
                lambda: upstream.answers(streamed(*answer(*WORDS))),
                lambda: upstream.answers(streamed(*call(CALL.tool, CALL.arguments))),
            )


async def local(running: LocalModel) -> AsyncGenerator[Subject]:
    provider = Provider(name="local", socket=running.socket, api_key=running.api_key, patience=SLOW)
    async with open_session(provider) as session:
        yield Subject(
            OpenAiLanguageModel(session, StoppedClock()), running.capability(), nothing, nothing
        )


@pytest.fixture(params=["inmemory", "openai", "local"])
def subjects(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    match request.param:
        case "inmemory":
            return scripted()
        case "openai":
            return behind_upstream()
        case _:
            return local(request.getfixturevalue("local_model"))


@pytest.fixture
async def subject(subjects: AsyncGenerator[Subject]) -> AsyncGenerator[Subject]:
    async with aclosing(subjects):
        yield await anext(subjects)


async def test_an_answer_is_text_and_then_its_end(subject: Subject) -> None:
    subject.speak()

    words, end = await answer_of(subject.model, model_request(subject.capability, max_tokens=16))

    assert words
    assert end.finish_reason in {"stop", "length"}
    assert end.calls == ()
    assert end.prompt_tokens
    assert end.completion_tokens
    assert end.completion_tokens <= 16


@pytest.mark.parametrize(("choice", "tools"), [(NAMED, 2), (REQUIRED, 1), (REQUIRED, 2)])
async def test_a_demanded_call_is_made_and_nothing_is_said(
    choice: ToolChoice, tools: int, subject: Subject
) -> None:
    offered = (ARITHMETIC, CURRENT_TIME)[:tools]
    subject.call()

    words, end = await answer_of(
        subject.model,
        model_request(subject.capability, tools=offered, tool_choice=choice, max_tokens=128),
    )

    assert words == ""
    assert end.finish_reason == "tool_calls"
    (made,) = end.calls
    assert made.id
    assert made.tool in {tool.name for tool in offered}
    assert isinstance(json.loads(made.arguments), dict)


async def test_an_answer_may_follow_a_call(subject: Subject) -> None:
    subject.speak()
    history = (
        Message(Role.SYSTEM, "You are brief."),
        QUESTION,
        Message(Role.ASSISTANT, "", (CALL,)),
        Message(Role.TOOL, "52.5", call_id=CALL.id),
    )

    _, end = await answer_of(
        subject.model,
        model_request(
            subject.capability,
            messages=history,
            tools=(ARITHMETIC,),
            tool_choice=AUTO,
            max_tokens=16,
        ),
    )

    assert end.finish_reason in {"stop", "length"}
    assert end.calls == ()


async def test_a_reader_who_leaves_leaves_the_model_well(subject: Subject) -> None:
    subject.speak()
    subject.speak()
    request = model_request(subject.capability, max_tokens=16)

    async with aclosing(subject.model.stream(request)) as stream:
        assert isinstance(await anext(stream), ModelText)
    words, _ = await answer_of(subject.model, request)

    assert words


async def test_answers_at_once_do_not_mix(subject: Subject) -> None:
    for _ in range(3):
        subject.speak()
    request = model_request(subject.capability, max_tokens=8)

    answers = await asyncio.gather(*(answer_of(subject.model, request) for _ in range(3)))

    assert all(words and end.completion_tokens for words, end in answers)


async def test_a_call_without_time_is_over_at_once(subject: Subject) -> None:
    with pytest.raises(ModelTimedOutError):
        await chunks_of(subject.model.stream(model_request(subject.capability, seconds=0.0)))
