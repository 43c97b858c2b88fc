"""One POST over the pool: what is sent, and what is made of answers that are not usual."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientError

from adapters.openai.exchange import HttpAnswer
from adapters.openai.provider import Provider, no_key
from adapters.openai.session import open_session

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\nbody"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@asynccontextmanager
async def saying(answer: bytes, heard: list[bytes]) -> AsyncGenerator[str]:
    """A server that says this to every request, and keeps the requests' heads."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heard.append(head)
                await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
                writer.write(answer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def answered(address: str, *bodies: bytes) -> AsyncGenerator[list[HttpAnswer]]:
    """What was answered to these bodies, sent one after the other."""
    async with open_session(Provider(name="a", base_url=f"http://{address}/v1")) as session:
        answers: list[HttpAnswer] = []
        for body in bodies:
            answers.append(await session.chat(body))
            await answers[-1].content.read()
        yield answers


async def test_the_request_names_its_host_its_path_and_its_length() -> None:
    heard: list[bytes] = []
    async with saying(OK, heard) as address, answered(address, b"{}"):
        lines = heard[0].decode().split("\r\n")

    assert lines[0] == "POST /v1/chat/completions HTTP/1.1"
    assert f"Host: {address}" in lines
    assert "Content-Type: application/json" in lines
    assert [line for line in lines if line.startswith("Content-Length")] == ["Content-Length: 2"]


async def test_a_key_that_changes_is_sent_as_it_is_now() -> None:
    heard: list[bytes] = []
    keys = iter(("one", "one", "other", ""))

    async def key() -> str:
        return next(keys)

    async with saying(OK, heard) as address:
        provider = Provider(name="a", base_url=f"http://{address}/v1", api_key=key)
        async with open_session(provider) as session:
            for _ in range(4):
                answer = await session.chat(b"{}")
                await answer.content.read()

    said = [head.partition(b"Authorization: ")[2].partition(b"\r\n")[0] for head in heard]
    assert said == [b"Bearer one", b"Bearer one", b"Bearer other", b""]


async def test_interim_answers_are_passed_over() -> None:
    async with (
        saying(INTERIM + INTERIM + OK, []) as address,
        answered(address, b"{}", b"{}") as answers,
    ):
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].content_type == "text/plain"


async def test_what_is_not_http_is_an_error_of_the_client() -> None:
    async with saying(b"220 smtp.example.com ESMTP\r\n\r\n", []) as address:
        with pytest.raises(ClientError):
            async with answered(address, b"{}"):
                pytest.fail("it was taken for an answer")


async def test_an_answer_that_is_closed_ends_its_reader() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"
    async with saying(begun, []) as address:
        provider = Provider(name="a", base_url=f"http://{address}/v1", api_key=no_key)
        async with open_session(provider) as session:
            answer = await session.chat(b"{}")
            assert await answer.content.readany() == b"begun"
            reading = asyncio.create_task(answer.content.readany())
            await asyncio.sleep(0)
            answer.close()

            with pytest.raises(ClientError):
                await reading
