"""How many calls are let in, and who is shut out."""

import asyncio

import grpc
import pytest

from entrypoints.grpc.admission import Room
from somagent.memory.v1 import memory_pb2 as pb
from somagent_client.retrying import SERVICE_CONFIG
from tests.builders import TENANT
from tests.doubles import until
from tests.unit.entrypoints.grpc.rig import Rig, call, reason_in, serving

RECALL = pb.RecallRequest(parent="tenants/acme", cue="green house")


async def reason_beyond(rig: Rig, calls: int) -> str:
    """Hold so many calls in flight: what is said to one more. When they have ended, it gets in."""
    entered = asyncio.Semaphore(0)
    leave = asyncio.Event()

    async def hold() -> None:
        entered.release()
        await leave.wait()

    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        memories.before = hold
        held = [asyncio.create_task(call(channel, RECALL, key=rig.member)) for _ in range(calls)]
        for _ in range(calls):
            await entered.acquire()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, RECALL, key=rig.member)
        leave.set()
        await asyncio.gather(*held)
        await call(channel, RECALL, key=rig.member)
    return reason_in(error.value)


async def test_more_calls_than_the_room_are_shed_before_anything_is_done() -> None:
    rig = Rig(room=Room(calls=2, calls_of_a_tenant=2))

    assert await reason_beyond(rig, 2) == "OVERLOADED"
    assert rig.admission.in_flight == 0
    assert rig.admission.of_tenants == {}
    shed = next(told for told in rig.told.calls if told.reason)
    assert (shed.code, shed.tenant) == ("UNAVAILABLE", "")


async def test_a_client_that_lets_grpc_retry_comes_again_when_it_was_told_to() -> None:
    rig = Rig(room=Room(calls=1, calls_of_a_tenant=1))
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await leave.wait()

    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        grpc.aio.insecure_channel(
            f"127.0.0.1:{server.port}", options=(("grpc.service_config", SERVICE_CONFIG),)
        ) as retrying,
    ):
        memories.before = hold
        held = asyncio.create_task(call(channel, RECALL, key=rig.member))
        await entered.wait()
        clock = asyncio.get_running_loop().time
        began = clock()
        shed = asyncio.create_task(call(retrying, RECALL, key=rig.member))
        await until(lambda: any(told.reason == "OVERLOADED" for told in rig.told.calls))
        leave.set()
        await asyncio.gather(held, shed)

    assert clock() - began >= 1.0
    assert [told.reason for told in rig.told.calls].count("OVERLOADED") == 1


async def test_one_tenant_cannot_take_the_whole_room() -> None:
    rig = Rig(room=Room(calls=8, calls_of_a_tenant=2))

    assert await reason_beyond(rig, 2) == "OVERLOADED"
    shed = next(told for told in rig.told.calls if told.reason)
    assert shed.tenant == "acme"


async def test_a_tenant_that_was_stopped_here_is_refused_at_once_and_only_for_a_while() -> None:
    rig = Rig()
    rig.admission.shut_out(TENANT)

    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, RECALL, key=rig.member)
        rig.clock.advance(11)
        await call(channel, RECALL, key=rig.member)

    assert reason_in(error.value) == "TENANT_SUSPENDED"
    assert len(memories.callers) == 1
