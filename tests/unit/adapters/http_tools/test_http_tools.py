"""What a tool's server answers, or leaves unsaid, decides what is known about its effect."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from adapters.http_tools.exchange import CUT
from adapters.http_tools.http_tool import HttpTool, KeyPlace
from adapters.http_tools.http_tools import AT_ONCE, HttpTools, open_http_tools
from domain.tools.errors import ToolFailedError, ToolNotFoundError, ToolOutcomeUnknownError
from domain.tools.tool_status import CallFate, ToolStatus
from tests.doubles import until
from tests.unit.adapters.http_tools.calls import KEY, SHORT, asked, context, quickly, run, served
from tests.upstream.tool_server import SILENCE, ToolServer, http_answer

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf an ans"
HALF_A_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"
HALF_A_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
NO_HTTP = b"220 mail.example.com ready\r\n"
ENDLESS_HEAD = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"
LOST = (
    *(http_answer(code) for code in (408, 409, 425, 499, 500, 502, 503, 504)),
    *(http_answer(code, Location="http://127.0.0.1:9/") for code in (301, 303, 307)),
    http_answer(200, b"\x1f\x8b", Content_Encoding="gzip"),
    *(HALF, HALF_A_CHUNK, HALF_A_HEAD, NO_HTTP, ENDLESS_HEAD, b""),
)
"""Answers after which nobody knows what was done."""


class TestACall:
    async def test_posts_its_arguments_and_its_key(self, server: ToolServer) -> None:
        server.will(http_answer(200, '{"sent":"✓"}'.encode()))

        answer = await run(served(server))

        (request,) = server.received
        assert answer == '{"sent":"✓"}'
        assert (request.method, request.path) == ("POST", "/send")
        assert (request.body, request.headers["idempotency-key"]) == (b'{"to":"ada"}', KEY)
        assert request.headers["content-type"] == "application/json"
        assert "authorization" not in request.headers

    async def test_names_its_key_as_the_tool_wants_it(self, server: ToolServer) -> None:
        await run(replace(served(server), key_name="X-Request-Id"))

        (request,) = server.received
        assert request.headers["x-request-id"] == KEY

    async def test_carries_its_key_in_an_argument(self, server: ToolServer) -> None:
        tool = replace(served(server), key_place=KeyPlace.ARGUMENT, key_name="request_id")

        await run(tool, '{"to":"ada","request_id":"of the model\'s choice"}')

        assert json.loads(server.received[0].body) == {"to": "ada", "request_id": KEY}

    @pytest.mark.parametrize("arguments", ["[1]", "1", "{"])
    async def test_has_an_object_to_put_its_key_into(
        self, server: ToolServer, arguments: str
    ) -> None:
        tool = replace(served(server), key_place=KeyPlace.ARGUMENT, key_name="request_id")

        with pytest.raises(ToolFailedError):
            await run(tool, arguments)

        assert server.received == []

    async def test_shows_its_credential(self, server: ToolServer) -> None:
        async def credential() -> str:
            return "Bearer s3cret"

        tool = replace(served(server), authorization=credential)
        await run(tool)

        assert server.received[0].headers["authorization"] == "Bearer s3cret"
        assert "s3cret" not in repr(tool)

    @pytest.mark.parametrize("secret", ["", "line\nbreak", "ключ"])
    async def test_without_its_credential_is_not_made(
        self, server: ToolServer, secret: str
    ) -> None:
        async def credential() -> str:
            return secret

        with pytest.raises(ToolFailedError):
            await run(replace(served(server), authorization=credential))

        assert server.received == []

    async def test_of_an_unknown_tool_is_refused(self, server: ToolServer) -> None:
        async with open_http_tools([served(server)]) as tools:
            with pytest.raises(ToolNotFoundError):
                await tools.run("other", "{}", context())


class TestAnAnswer:
    async def test_is_cut_where_it_is_too_long(self, server: ToolServer) -> None:
        server.will(http_answer(200, "é".encode() * 100))

        answer = await run(replace(served(server), max_result_bytes=9))

        assert answer == "éééé" + CUT

    async def test_that_is_no_text_is_read_as_far_as_it_goes(self, server: ToolServer) -> None:
        server.will(http_answer(200, b"a\xffb"))

        assert await run(served(server)) == "a\ufffdb"

    @pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 429])
    async def test_that_refuses_says_that_nothing_took_effect(
        self, server: ToolServer, status: int
    ) -> None:
        server.will(http_answer(status, b"secret detail"))

        with pytest.raises(ToolFailedError, match=f"HTTP {status}") as refusal:
            await run(served(server))

        assert "secret detail" not in str(refusal.value)

    @pytest.mark.parametrize("answer", LOST, ids=range(len(LOST)))
    async def test_that_says_nothing_leaves_an_effect_unknown(
        self, server: ToolServer, answer: bytes
    ) -> None:
        server.will(answer)

        with pytest.raises(ToolOutcomeUnknownError):
            await run(served(server))

        assert len(server.received) == 1

    @pytest.mark.parametrize("answer", LOST, ids=range(len(LOST)))
    async def test_that_says_nothing_fails_a_tool_without_effect(
        self, server: ToolServer, answer: bytes
    ) -> None:
        server.will(answer, answer)

        with pytest.raises(ToolFailedError):
            await run(served(server, effect=False))

    async def test_that_does_not_come_leaves_an_effect_unknown(self, server: ToolServer) -> None:
        server.will(SILENCE)

        with pytest.raises(ToolOutcomeUnknownError):
            await run(quickly(served(server)))

    async def test_is_waited_for_no_longer_than_the_call_may_take(self, server: ToolServer) -> None:
        server.will(SILENCE)

        with pytest.raises(ToolOutcomeUnknownError):
            await run(served(server), seconds=SHORT)


class TestNobodyThere:
    async def test_fails_the_call(self, server: ToolServer) -> None:
        tool = replace(served(server), url="http://127.0.0.1:1/send")

        with pytest.raises(ToolFailedError):
            await run(tool)

    async def test_of_that_name_fails_the_call(self, server: ToolServer) -> None:
        tool = replace(served(server), url="http://nowhere.invalid/send")

        with pytest.raises(ToolFailedError):
            await run(tool)


class TestATool:
    """Whose calls are as many as fit, and slow."""

    @pytest.fixture
    async def tools(self, server: ToolServer) -> AsyncGenerator[HttpTools]:
        """Of which the one's calls wait for answers that do not come."""
        server.will(*[SILENCE] * AT_ONCE)
        slow = served(server)
        other = replace(slow, tool=replace(slow.tool, name="other"))
        async with open_http_tools([slow, other]) as tools, asyncio.TaskGroup() as group:
            calls = [group.create_task(tools.run("send", "{}", context())) for _ in range(AT_ONCE)]
            await until(lambda: len(server.received) == AT_ONCE)
            yield tools
            for call in calls:
                call.cancel()

    async def test_leaves_the_others_room(self, tools: HttpTools) -> None:
        assert await tools.run("other", "{}", context()) == "done"

    async def test_takes_no_more(self, tools: HttpTools, server: ToolServer) -> None:
        with pytest.raises(ToolFailedError, match="under way"):
            await tools.run("send", "{}", context())

        assert len(server.received) == AT_ONCE


class TestAnIdempotentTool:
    async def test_is_called_again_under_the_same_key(self, server: ToolServer) -> None:
        server.will(HALF, http_answer(200, b"sent"))

        assert await run(served(server, idempotent=True)) == "sent"

        assert [one.headers["idempotency-key"] for one in server.received] == [KEY, KEY]

    async def test_that_refuses_the_second_call_may_have_taken_the_first(
        self, server: ToolServer
    ) -> None:
        server.will(HALF, http_answer(429))

        with pytest.raises(ToolOutcomeUnknownError):
            await run(served(server, idempotent=True))

    async def test_is_called_twice_at_most(self, server: ToolServer) -> None:
        server.will(HALF, HALF, http_answer(200))

        with pytest.raises(ToolOutcomeUnknownError):
            await run(served(server, idempotent=True))

        assert len(server.received) == 2


class TestAToolThatCanBeAsked:
    async def test_is_asked_where_its_answer_was_lost(self, server: ToolServer) -> None:
        server.will(HALF, http_answer(200, b'{"status":"succeeded","result":{"id":7}}'))

        assert await run(served(server, askable=True)) == '{"id":7}'

        question = server.received[1]
        assert (question.method, question.path) == ("GET", f"/status/{KEY}")
        assert question.headers["idempotency-key"] == KEY

    @pytest.mark.parametrize("fate", ["failed", "not_executed"])
    async def test_may_say_that_nothing_was_done(self, server: ToolServer, fate: str) -> None:
        server.will(HALF, http_answer(200, f'{{"status":"{fate}"}}'.encode()))

        with pytest.raises(ToolFailedError):
            await run(served(server, askable=True))

    @pytest.mark.parametrize("fate", CallFate)
    async def test_tells_each_fate(self, server: ToolServer, fate: CallFate) -> None:
        server.will(http_answer(200, f'{{"status":"{fate.value}","result":"r"}}'.encode()))

        assert await asked(served(server, askable=True)) == ToolStatus(fate, "r")

    @pytest.mark.parametrize(
        "answer",
        [
            *LOST,
            http_answer(404),
            *(
                http_answer(200, body)
                for body in (b"", b"[]", b"{}", b'{"status":"perhaps"}', b'{"status":["failed"]}')
            ),
        ],
    )
    async def test_that_does_not_say_leaves_the_call_unknown(
        self, server: ToolServer, answer: bytes
    ) -> None:
        server.will(HALF, answer)

        with pytest.raises(ToolOutcomeUnknownError):
            await run(served(server, askable=True))

    async def test_is_not_asked_unless_it_says_so(self, server: ToolServer) -> None:
        tool: HttpTool = served(server)

        assert await asked(tool) == ToolStatus(CallFate.UNKNOWN)
        assert server.received == []
