"""What whoever runs the service sees over HTTP."""

import asyncio

import orjson
from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry.catalogue import CALLS, TURNS
from somagent.conversation.v1 import conversation_pb2, conversation_pb2_grpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Stage, fresh_id
from tests.system.service import until


async def got(stage: Stage, path: str) -> tuple[str, bytes]:
    """The status line and the body of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.process.http_port)
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head.split(b"\r\n")[0].decode(), body


async def metrics(stage: Stage) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    _, body = await got(stage, "/metrics")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_a_server_with_its_database_is_alive_and_ready(stage: Stage) -> None:
    well = "HTTP/1.1 200 OK"

    async def alive_and_ready() -> bool:
        """Each look is given up after a second or five, which a machine may be slow in."""
        live, _ = await got(stage, "/livez")
        ready, body = await got(stage, "/readyz")
        told = {"ready": True, "checks": {"database": "ok"}}
        return (live, ready) == (well, well) and orjson.loads(body) == told

    await until(alive_and_ready)


async def test_calls_and_turns_are_measured(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    capsule = await stage.capsule(slug, ada)
    stub = conversation_pb2_grpc.ConversationServiceStub(stage.channel)
    opened = await stub.CreateSession(
        conversation_pb2.CreateSessionRequest(
            parent=f"tenants/{slug}",
            session=conversation_pb2.Session(capsule=capsule),
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )
    message = conversation_pb2.ProcessMessageRequest(
        session=opened.session.name, text="Good day.", request_id=fresh_id()
    )
    async for _ in stub.ProcessMessage(message, metadata=ada.pairs):
        pass
    refused = await reason_of(stub.GetSession(conversation_pb2.GetSessionRequest(name="x")))

    async def are_over() -> bool:
        # A call's end is told to its client before it is counted.
        return (await metrics(stage))["somagent_calls_in_flight",] == 0

    await until(are_over)
    found = await metrics(stage)

    service = "somagent.conversation.v1.ConversationService"
    assert refused == "UNAUTHENTICATED"
    assert found[CALLS, "OK", f"{service}/ProcessMessage"] == 1
    assert found[CALLS, "UNAUTHENTICATED", f"{service}/GetSession"] == 1
    assert found["somagent_refusals_total", "UNAUTHENTICATED"] == 1
    assert found[TURNS, "completed"] == 1
    phases = {name[1] for name in found if name[0] == "somagent_phase_seconds_count"}
    assert {"budget", "context", "model", "save"} <= phases
