"""Several server processes on one port."""

import asyncio
import signal
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from somagent.operations.v1 import operations_pb2
from tests.system.client import Client, connect
from tests.system.conversing import answer_to, kinds, open_session
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.ports import neighbouring_ports
from tests.system.service import Service, children_of, http_status, kill, serving, until
from tests.upstream.scripted import ScriptedUpstream

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("drain")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(installation: Installation) -> AsyncGenerator[Service]:
    apart = installation.with_settings(server__http_address=f"127.0.0.1:{neighbouring_ports()}")
    async with serving(apart, "--workers", "2") as opened:
        host, _, port = opened.http_address.rpartition(":")

        async def second_is_ready() -> bool:
            return await http_status(f"{host}:{int(port) + 1}", "/readyz") == 200

        await until(second_is_ready)
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operator(service: Service, installation: Installation) -> Client:
    return await installation.operator(service.address)


async def servers_at(operator: Client, address: str) -> set[int]:
    """When each server began that answers, over enough connections that two have been met."""
    found: set[int] = set()
    request = operations_pb2.GetServerInfoRequest()

    async def both_met() -> bool:
        client = connect(address, operator.tenant, operator.key)
        async with client.channel:
            told = await client.ask(request, operations_pb2.GetServerInfoResponse)
        found.add(told.start_time.ToNanoseconds())
        return len(found) == 2

    await until(both_met)
    return found


async def test_both_serve_on_the_one_port(
    service: Service, operator: Client, installation: Installation, upstream: ScriptedUpstream
) -> None:
    assert len(await servers_at(operator, service.address)) == 2
    client = await new_tenant(operator, "acme")
    capsule = await new_capsule(client, installation.author_key, "plain")
    clients = [connect(service.address, client.tenant, client.key) for _ in range(8)]
    sessions = [await open_session(client, capsule) for _ in clients]

    answers = await asyncio.gather(*map(answer_to, clients, sessions))

    assert {kinds(events)[-1] for events in answers} == {"completed"}
    assert len(upstream.exchanges) == len(clients)


async def test_a_worker_that_dies_is_started_again(service: Service, operator: Client) -> None:
    before = await servers_at(operator, service.address)
    workers = children_of(service.process.pid)
    assert len(workers) == 2

    kill(workers[0])

    async def replaced() -> bool:
        now = children_of(service.process.pid)
        return len(now) == 2 and workers[0] not in now

    await until(replaced)
    after = await servers_at(operator, service.address)
    assert len(before & after) == 1


async def test_one_signal_ends_them_all(service: Service) -> None:
    workers = children_of(service.process.pid)

    service.tell(signal.SIGTERM)

    assert await service.ended() == 0
    assert await http_status(service.http_address, "/livez") == 0
    assert [pid for pid in workers if pid in children_of(1)] == []
