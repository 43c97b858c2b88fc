"""A database that is gone, or that does not answer any more, and comes back."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2
from psycopg.conninfo import make_conninfo

from adapters.postgres.embedded_lifetime import EmbeddedServer
from somagent.conversation.v1 import conversation_pb2 as pb
from tests.system.client import Client, RefusedError
from tests.system.conversing import (
    answer_to,
    ended,
    followed,
    held_by,
    kinds,
    message,
    numbers,
    open_session,
    said,
    seen,
    text_of,
)
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.proxy import Way, way_to
from tests.system.service import Service, http_status, serving, until
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("database")]

AWAY = (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")


@pytest.fixture(scope="module")
def short_folder() -> Generator[Path]:
    """A folder whose name leaves room for a socket's."""
    folder = Path(mkdtemp(prefix="somagent-way-"))
    yield folder
    rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def way(postgres_server: EmbeddedServer, short_folder: Path) -> AsyncGenerator[Way]:
    async with way_to(postgres_server.socket_folder, short_folder) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(installation: Installation, way: Way) -> AsyncGenerator[Service]:
    database = installation.settings.database
    detour = installation.with_settings(
        database__request__url=make_conninfo(database.request.url, host=str(way.folder)),
        database__writer__url=make_conninfo(database.writer.url, host=str(way.folder)),
        database__connect_seconds=5,
        database__wait_seconds=5,
        database__statement_seconds=5,
    )
    async with serving(detour) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(service: Service, installation: Installation) -> Client:
    """One that waits until the server has connections again: it makes them by and by."""
    operator = replace(await installation.operator(service.address), patient=True)
    made = await new_tenant(operator, "acme")
    await new_capsule(made, installation.author_key, "plain")
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def session(client: Client) -> str:
    return await open_session(client, "plain")


async def refusals(client: Client, session: str) -> list[RefusedError]:
    """How a read and a message are refused."""
    with pytest.raises(RefusedError) as sent:
        await answer_to(replace(client, patient=False), session)
    return [await refused_read(client, session), sent.value]


async def refused_read(client: Client, session: str) -> RefusedError:
    impatient = replace(client, patient=False)
    with pytest.raises(RefusedError) as read:
        await impatient.ask(pb.GetSessionRequest(name=session), pb.GetSessionResponse)
    return read.value


async def is_not_serving(client: Client) -> bool:
    check = client.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=_bytes_of,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    told = await check(health_pb2.HealthCheckRequest())
    return told.status == health_pb2.HealthCheckResponse.NOT_SERVING


def _bytes_of(request: health_pb2.HealthCheckRequest) -> bytes:
    return request.SerializeToString()


async def is_unready(service: Service) -> bool:
    return await http_status(service.http_address, "/readyz") == 503


async def test_while_it_is_gone_calls_are_refused_and_nothing_is_left(
    service: Service, client: Client, session: str, way: Way
) -> None:
    way.cut()
    told = await refusals(client, session)

    await until(partial(is_unready, service))
    await until(partial(is_not_serving, client))
    assert await http_status(service.http_address, "/livez") == 200
    await way.mend()
    await service.ready()

    assert [one.told for one in told] == [AWAY, AWAY]
    listed = await client.ask(pb.ListTurnsRequest(parent=session), pb.ListTurnsResponse)
    assert list(listed.turns) == []
    assert await held_by(client) == {}
    assert kinds(await answer_to(client, session))[-1] == "completed"


@pytest.mark.parametrize("how", ["cut", "block"])
async def test_a_turn_that_runs_meanwhile_ends_and_is_settled(
    service: Service,
    client: Client,
    session: str,
    way: Way,
    upstream: ScriptedUpstream,
    how: str,
) -> None:
    go_on = asyncio.Event()
    upstream.answers(streamed(text("One "), go_on, *answer("two.")))
    events: list[pb.TurnEvent] = []
    following = asyncio.create_task(followed(said(client, message(session)), events))

    async def has_begun() -> bool:
        return text_of(events) == "One "

    await until(has_begun)
    if how == "cut":
        way.cut()
    else:
        way.block()
    assert (await refused_read(client, session)).told == AWAY
    go_on.set()
    await upstream.last.ended.wait()
    await until(partial(is_unready, service))
    await way.mend()
    await service.ready()
    turn = events[0].accepted.turn

    await ended(client, turn)
    broken_off = await following
    assert broken_off is None or broken_off.told == AWAY
    stored = await seen(client, turn)
    assert kinds(stored)[-1] in {"completed", "failed"}
    assert numbers(stored) == list(range(1, stored[-1].sequence + 1))
    assert await held_by(client) == {}
    assert kinds(await answer_to(client, session))[-1] == "completed"
