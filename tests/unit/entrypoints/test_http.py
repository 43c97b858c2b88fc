"""The operators' HTTP port: three paths, small and bounded."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import orjson
import pytest

from entrypoints.failure import StartError
from entrypoints.http import LARGEST_HEAD, OperatorsPort, operators_port
from entrypoints.readiness import Readiness
from tests.fakes import StoppedClock


@asynccontextmanager
async def serving(readiness: Readiness) -> AsyncGenerator[int]:
    port = OperatorsPort(readiness=readiness, exposition=lambda: b"somagent_calls_total 3\n")
    async with operators_port(port, "127.0.0.1:0") as number:
        yield number


async def sent(number: int, data: bytes) -> tuple[str, dict[str, str], bytes]:
    """Send bytes; the status line, the headers and the body of what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.write(data)
    whole = await reader.read()
    writer.close()
    head, _, body = whole.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


async def got(number: int, path: str, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
    return await sent(number, f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())


def healthy() -> Readiness:
    return Readiness(checks={}, clock=StoppedClock())


async def gone() -> str:
    return "the database does not answer"


async def test_metrics_are_shown_in_prometheus_format() -> None:
    async with serving(healthy()) as number:
        status, headers, body = await got(number, "/metrics")

    assert status == "HTTP/1.1 200 OK"
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert headers["content-length"] == str(len(body))
    assert body == b"somagent_calls_total 3\n"


async def test_a_process_that_lives_says_so_even_when_it_is_not_ready() -> None:
    async with serving(Readiness(checks={"database": gone}, clock=StoppedClock())) as number:
        live, _, _ = await got(number, "/livez")
        ready, _, body = await got(number, "/readyz")

    assert live.endswith("200 OK")
    assert ready.endswith("503 Service Unavailable")
    assert orjson.loads(body) == {
        "ready": False,
        "checks": {"database": "the database does not answer"},
    }


async def test_head_has_no_body_and_a_query_is_passed_over() -> None:
    async with serving(healthy()) as number:
        status, headers, body = await got(number, "/readyz?verbose", method="HEAD")

    assert status.endswith("200 OK")
    assert (int(headers["content-length"]) > 0, body) == (True, b"")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /secrets HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        (b"GET /metrics\r\n\r\n", "400 Bad Request"),
        (b"\x16\x03\x01\r\n\r\n", "400 Bad Request"),
        (b"GET /" + b"x" * LARGEST_HEAD + b" HTTP/1.1\r\n\r\n", "400 Bad Request"),
    ],
)
async def test_anything_else_is_refused(data: bytes, status: str) -> None:
    async with serving(healthy()) as number:
        line, _, _ = await sent(number, data)

    assert line == f"HTTP/1.1 {status}"


async def test_a_client_that_leaves_in_the_middle_harms_nobody() -> None:
    async with serving(healthy()) as number:
        _, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"GET /met")
        writer.close()
        await writer.wait_closed()
        status, _, _ = await got(number, "/livez")

    assert status.endswith("200 OK")


async def test_a_port_that_is_taken_is_said_to_be() -> None:
    async with serving(healthy()) as number:
        port = OperatorsPort(readiness=healthy(), exposition=bytes)
        with pytest.raises(StartError) as error:
            async with operators_port(port, f"127.0.0.1:{number}"):
                pass

    assert (error.value.step, "server.http_address" in error.value.advice) == ("http", True)
