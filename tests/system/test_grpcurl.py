"""The API with grpcurl alone, and clients that stop reading."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.message import Message

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.provenance.v1 import provenance_pb2
from tests.system.client import PATIENCE_SECONDS, Client, request_id
from tests.system.conversing import ended, kind_of, message, open_session, said
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import Service, serving
from tests.upstream.chunks import DONE, answer, finish, text, usage
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("grpcurl")]

M = TypeVar("M", bound=Message)

CONVERSATION: Final = "somagent.conversation.v1.ConversationService"
PROVENANCE: Final = "somagent.provenance.v1.ProvenanceService"

READERS: Final = 24
PIECES: Final = 100
PIECE: Final = "x" * 4000
"""All pieces are some six times what a connection takes before its reader must read."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""What all of them may cost: under 3 MiB each, a page of what they did not read included."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(installation: Installation) -> AsyncGenerator[Service]:
    async with serving(installation) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(service: Service, installation: Installation) -> Client:
    made = await new_tenant(await installation.operator(service.address), "acme")
    await new_capsule(made, installation.author_key, "plain")
    return made


@dataclass(frozen=True, slots=True)
class Grpcurl:
    """The program, at a server, with a key."""

    program: Path
    address: str
    key: str

    async def start(self, *arguments: str, **data: object) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self.program,
            "-plaintext",
            "-H",
            f"authorization: Bearer {self.key}",
            *(("-d", json.dumps(data)) if data else ()),
            self.address,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def said(self, *arguments: str, **data: object) -> str:
        process = await self.start(*arguments, **data)
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, error = await process.communicate()
        assert process.returncode == 0, error.decode()
        return out.decode()

    async def called(self, method: str, kind: type[M], **data: object) -> list[M]:
        """The answers of a method, read from its JSON."""
        told = await self.said(method, **data)
        decoder, answers, place = json.JSONDecoder(), list[M](), 0
        while place < len(told.rstrip()):
            start = place
            _, place = decoder.raw_decode(told, start)
            answers.append(Parse(told[start:place], kind()))
            place += 1
        return answers


@pytest.fixture
def tool(grpcurl: Path, service: Service, client: Client) -> Grpcurl:
    return Grpcurl(grpcurl, service.address, client.key)


async def test_a_conversation_is_held_with_grpcurl_alone(
    tool: Grpcurl, client: Client, upstream: ScriptedUpstream
) -> None:
    services = (await tool.said("list")).split()
    assert CONVERSATION in services
    assert "grpc.health.v1.Health" in services
    assert f"{CONVERSATION}.ProcessMessage" in (await tool.said("list", CONVERSATION)).split()

    (created,) = await tool.called(
        f"{CONVERSATION}/CreateSession",
        pb.CreateSessionResponse,
        parent=client.parent,
        session={"capsule": f"{client.parent}/capsules/plain"},
        request_id=request_id(),
    )
    upstream.answers(streamed(*answer("Good day.")))
    said_events = await tool.called(
        f"{CONVERSATION}/ProcessMessage",
        pb.ProcessMessageResponse,
        session=created.session.name,
        text="Good day!",
        request_id=request_id(),
    )
    turn, completed = said_events[0].event.accepted.turn, said_events[-1].event.completed
    assert completed.text == "Good day."

    rest = await tool.called(
        f"{CONVERSATION}/WatchTurn", pb.WatchTurnResponse, name=turn, after_sequence=3
    )
    assert [one.event for one in rest] == [one.event for one in said_events[3:]]
    (explained,) = await tool.called(
        f"{CONVERSATION}/GetDecisionTrace", pb.GetDecisionTraceResponse, name=turn
    )
    phases = [one.phase for one in explained.decision_trace.phases]
    assert {pb.PHASE_AUTHENTICATE, pb.PHASE_MODEL, pb.PHASE_SAVE} <= set(phases)
    sealed = provenance_pb2.GetReceiptRequest(name=completed.record)
    await client.ask(sealed, provenance_pb2.GetReceiptResponse)
    (got,) = await tool.called(
        f"{PROVENANCE}/GetReceipt", provenance_pb2.GetReceiptResponse, name=completed.record
    )
    receipt = MessageToDict(got.receipt, preserving_proto_field_name=True)
    (verified,) = await tool.called(
        f"{PROVENANCE}/VerifyReceipt", provenance_pb2.VerifyReceiptResponse, receipts=[receipt]
    )
    assert list(verified.problems) == []


async def test_readers_that_stop_reading_cost_little_delay_nothing_and_miss_nothing(
    tool: Grpcurl, client: Client, service: Service, upstream: ScriptedUpstream
) -> None:
    begin = asyncio.Event()
    pieces = [text(PIECE) for _ in range(PIECES)]
    upstream.answers(streamed(text("One "), begin, *pieces, finish(), usage(), DONE))
    stream = said(client, message(await open_session(client, "plain")))
    turn = (await anext(stream)).accepted.turn
    readers = [await tool.start(f"{CONVERSATION}/WatchTurn", name=turn) for _ in range(READERS)]
    for reader in readers:
        assert reader.stdout is not None
        while b'"started"' not in await reader.stdout.readline():
            pass
        reader.send_signal(signal.SIGSTOP)
    before = service.memory()

    begin.set()
    whole = await ended(client, turn)
    grown = service.memory() - before

    assert len(whole.answer) == 4 + PIECES * len(PIECE)
    assert grown < MOST_BYTES
    assert [kind_of(event) async for event in stream][-1] == "completed"
    for reader in readers:
        reader.send_signal(signal.SIGCONT)
    for reader in readers:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, error = await reader.communicate()
        assert reader.returncode == 0, error.decode()
        assert b'"completed"' in out
        assert out.count(b"x") >= 2 * PIECES * len(PIECE)
