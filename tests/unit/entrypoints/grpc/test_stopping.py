"""Stops of a server that overlap, on gRPC itself, which dies of some."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from entrypoints.grpc.stopping import Stops

WATCH = "/watching.Watching/Watch"


async def _watch(_: bytes, __: object) -> AsyncIterator[bytes]:
    yield b"begun"
    await asyncio.Event().wait()


@asynccontextmanager
async def watched() -> AsyncGenerator[Stops]:
    """A server with a call that does not end by itself."""
    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(_watch)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("watching.Watching", {"Watch": handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stops = Stops(server.stop)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = channel.unary_stream(WATCH, request_serializer=bytes, response_deserializer=bytes)
        watching = watch(b"")
        await watching.read()
        yield stops
        assert await watching.code() is grpc.StatusCode.UNAVAILABLE


async def test_stops_whose_times_are_over_together_end_the_server_once() -> None:
    for _ in range(20):
        async with watched() as stops, asyncio.timeout(60):
            await asyncio.gather(stops(0.01), stops(0.01), stops(0.01))


async def test_a_later_stop_ends_a_server_sooner() -> None:
    async with watched() as stops, asyncio.timeout(60):
        first = asyncio.create_task(stops(86_400))
        await asyncio.sleep(0)
        await stops(0)
        await first


async def test_a_stop_that_is_cancelled_keeps_no_other_from_its_end() -> None:
    async with watched() as stops, asyncio.timeout(60):
        first = asyncio.create_task(stops(0))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await stops(0)
