"""From ready to gone."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
import pytest
from grpc_health.v1 import health_pb2

from entrypoints.grpc.lifecycle import Lifecycle, stop_signals
from entrypoints.grpc.server import ApiServer, api_server
from entrypoints.readiness import Readiness
from entrypoints.settings.serving import ServerSettings
from somagent.memory.v1 import memory_pb2 as pb
from tests.unit.entrypoints.grpc.rig import MEMORY, METHODS, Memories, Rig, call

RECALL = pb.RecallRequest(parent="tenants/acme", cue="x")
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


@dataclass(slots=True)
class Drained:
    """Turns that end when they are told to."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    seconds: float = 0.0

    async def __call__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked.set()
        await self.ended.wait()


def lifecycle(rig: Rig, server: ApiServer, drain: Drained) -> Lifecycle:
    return Lifecycle(
        server=server,
        admission=rig.admission,
        readiness=Readiness(checks={}, clock=rig.clock),
        drain=drain,
        drain_seconds=30,
    )


async def test_an_accepted_call_ends_before_the_server_does_and_no_other_begins() -> None:
    rig, drain, stop = Rig(), Drained(), asyncio.Event()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await leave.wait()

    memories = Memories(rig.admission)
    settings = ServerSettings(address="127.0.0.1:0")
    async with api_server(settings, {MEMORY: memories}, METHODS) as server:
        running = asyncio.create_task(lifecycle(rig, server, drain).run(stop))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            memories.before = hold
            await channel.channel_ready()
            held = asyncio.create_task(call(channel, RECALL, key=rig.member))
            await entered.wait()
            stop.set()
            await drain.asked.wait()
            late = asyncio.create_task(call(channel, RECALL, key=rig.member))
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await late
            leave.set()
            answer = await held
            drain.ended.set()
            await running

    assert answer == b""
    # CANCELLED is gRPC's own word for a call that meets the connection's end.
    assert error.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert drain.seconds == 30
    assert rig.admission.draining


async def test_health_follows_readiness_and_then_the_drain() -> None:
    rig, drain, stop = Rig(), Drained(), asyncio.Event()
    drain.ended.set()
    settings = ServerSettings(address="127.0.0.1:0")
    async with api_server(settings, {MEMORY: Memories(rig.admission)}, METHODS) as server:
        running = asyncio.create_task(lifecycle(rig, server, drain).run(stop))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            await channel.channel_ready()
            watch = channel.unary_stream(
                "/grpc.health.v1.Health/Watch",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )(health_pb2.HealthCheckRequest())
            seen: list[int] = []
            with suppress(grpc.aio.AioRpcError):
                async for answer in watch:
                    seen.append(answer.status)
                    if answer.status == SERVING:
                        stop.set()
            await running

    assert seen[-2:] == [SERVING, NOT_SERVING]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_to_stop(sent: signal.Signals) -> None:
    with stop_signals() as stop:
        os.kill(os.getpid(), sent)
        await stop.wait()

    assert stop.is_set()
