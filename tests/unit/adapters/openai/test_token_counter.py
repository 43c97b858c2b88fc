"""Token counts: of a tokenizer behind an upstream, and of bytes where there is none."""

from collections.abc import Mapping

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.openai.router import TokenCounterRouter
from adapters.openai.session import ProviderSession
from adapters.openai.token_counter import EstimatingTokenCounter, LlamaTokenCounter, utf8_bytes
from application.kernel.ports import Json
from tests.upstream.calls import capability
from tests.upstream.scripted import Reply, ScriptedUpstream, plain

OF = capability()
SEPARATOR = 2


def tokenize(body: Mapping[str, Json]) -> Reply:
    """A tokenizer as llama.cpp's, of one token for each word; special ones only where asked."""
    content = body["content"]
    parts = content if isinstance(content, list) else [content]
    tokens: list[int] = []
    for part in parts:
        if isinstance(part, str):
            special = part == "<|end|>" and body["parse_special"]
            tokens += [SEPARATOR] if special else [100 for _ in part.split()]
        elif isinstance(part, int):
            tokens.append(part)
    return plain(200, orjson.dumps({"tokens": tokens}))


@pytest.fixture
def counter(upstream: ScriptedUpstream, session: ProviderSession) -> LlamaTokenCounter:
    upstream.others = {
        "/tokenize": tokenize,
        "/props": lambda _: plain(200, b'{"eos_token": "<|end|>"}'),
    }
    return LlamaTokenCounter(session)


async def test_each_text_has_its_own_count(counter: LlamaTokenCounter) -> None:
    texts = ["one two", "", "three", "one two", "<|end|> is text"]

    assert await counter.count(OF, texts) == [2, 0, 1, 2, 3]
    assert counter.exact(OF)


async def test_texts_are_counted_together_and_only_once(
    counter: LlamaTokenCounter, upstream: ScriptedUpstream
) -> None:
    await counter.count(OF, ["one", "two three"])
    await counter.count(OF, ["two three", "four", "one"])
    await counter.count(OF, ["one", "four"])

    asked = [each for each in upstream.exchanges if each.path == "/tokenize"]
    assert [each.body["content"] for each in asked] == [
        "<|end|>",
        ["one", SEPARATOR, "two three", SEPARATOR],
        ["four", SEPARATOR],
    ]


async def test_nothing_to_count_asks_nobody(
    counter: LlamaTokenCounter, upstream: ScriptedUpstream
) -> None:
    assert await counter.count(OF, []) == []
    assert upstream.exchanges == []


@pytest.mark.parametrize(
    "broken",
    [
        plain(500),
        plain(200, b"<html>"),
        plain(200, b'{"tokens": [1, 1, 1]}'),
        plain(200, b'{"tokens": [2, 1, 2]}'),
        plain(200, b'{"tokens": ["a"]}'),
    ],
)
async def test_while_the_tokenizer_fails_bytes_are_counted(
    broken: Reply, counter: LlamaTokenCounter, upstream: ScriptedUpstream
) -> None:
    await counter.count(OF, ["one"])
    upstream.others["/tokenize"] = lambda _: broken

    assert await counter.count(OF, ["größer als"]) == [12]
    assert not counter.exact(OF)

    upstream.others["/tokenize"] = tokenize
    assert await counter.count(OF, ["größer als"]) == [2]
    assert counter.exact(OF)


@pytest.mark.parametrize("properties", [b"{}", b'{"eos_token": ""}', b'{"eos_token": "two words"}'])
async def test_a_server_without_a_token_to_set_texts_apart_is_estimated(
    properties: bytes, counter: LlamaTokenCounter, upstream: ScriptedUpstream
) -> None:
    upstream.others["/props"] = lambda _: plain(200, properties)

    assert await counter.count(OF, ["one two"]) == [7]
    assert not counter.exact(OF)


@given(st.text())
def test_the_estimate_is_the_bytes_of_a_text(text: str) -> None:
    assert utf8_bytes(text) == len(text.encode())


async def test_a_capability_is_counted_by_its_providers_counter(
    counter: LlamaTokenCounter,
) -> None:
    router = TokenCounterRouter({"scripted": counter}, EstimatingTokenCounter())
    other = capability(provider="elsewhere")

    assert await router.count(OF, ["one two"]) == [2]
    assert await router.count(other, ["one two"]) == [7]
    assert (router.exact(OF), router.exact(other)) == (True, False)
