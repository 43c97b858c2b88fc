"""The API with grpcurl alone, and clients that stop reading."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.system.client import PATIENCE_SECONDS, Client, request_id
from tests.system.conversing import ended, kind_of, message, open_session, said
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import Service, serving
from tests.upstream.chunks import DONE, answer, finish, text, usage
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("grpcurl")]

CONVERSATION: Final = "somagent.conversation.v1.ConversationService"

READERS: Final = 24
PIECES: Final = 100
PIECE: Final = "x" * 4000
"""All pieces are some six times what a connection takes before its reader must read."""


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

    async def called(self, method: str, **data: object) -> list[Mapping[str, object]]:
        """The answers of a method, as JSON."""
        return _documents(await self.said(method, **data))


@pytest.fixture
def tool(grpcurl: Path, service: Service, client: Client) -> Grpcurl:
    return Grpcurl(grpcurl, service.address, client.key)


def _documents(told: str) -> list[Mapping[str, object]]:
    decoder, found, place = json.JSONDecoder(), list[Mapping[str, object]](), 0
    while place < len(told.rstrip()):
        document, end = decoder.raw_decode(told, place)
        found.append(document)
        place = end + 1
    return found


def _events(answers: list[Mapping[str, object]]) -> list[Mapping[str, object]]:
    events: list[Mapping[str, object]] = []
    for one in answers:
        event = one["event"]
        assert isinstance(event, dict)
        events.append(event)
    return events


async def test_a_conversation_is_held_with_grpcurl_alone(
    tool: Grpcurl, client: Client, upstream: ScriptedUpstream
) -> None:
    services = (await tool.said("list")).split()
    assert CONVERSATION in services
    assert "grpc.health.v1.Health" in services
    assert f"{CONVERSATION}.ProcessMessage" in (await tool.said("list", CONVERSATION)).split()

    (created,) = await tool.called(
        f"{CONVERSATION}/CreateSession",
        parent=client.parent,
        session={"capsule": f"{client.parent}/capsules/plain"},
        request_id=request_id(),
    )
    session = created["session"]
    assert isinstance(session, dict)
    upstream.answers(streamed(*answer("Good day.")))
    events = _events(
        await tool.called(
            f"{CONVERSATION}/ProcessMessage",
            session=session["name"],
            text="Good day!",
            request_id=request_id(),
        )
    )
    accepted, completed = events[0]["accepted"], events[-1]["completed"]
    assert isinstance(accepted, dict)
    assert isinstance(completed, dict)
    assert completed["text"] == "Good day."

    rest = await tool.called(
        f"{CONVERSATION}/WatchTurn", name=accepted["turn"], after_sequence=3
    )
    assert _events(rest) == events[3:]
    (trace,) = await tool.called(f"{CONVERSATION}/GetDecisionTrace", name=accepted["turn"])
    assert list(trace) == []
    shown = trace["decisionTrace"]
    assert isinstance(shown, dict)
    assert [one["phase"] for one in shown["phases"]][:2] == ["PHASE_AUTHENTICATE", "PHASE_CAPSULE"]
    provenance = "somagent.provenance.v1.ProvenanceService"
    (got,) = await tool.called(f"{provenance}/GetReceipt", name=completed["record"])
    (verified,) = await tool.called(f"{provenance}/VerifyReceipt", receipts=[got["receipt"]])
    assert verified.get("problems", []) == []


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
    print("GROWN", grown, READERS * len(whole.answer))

    assert len(whole.answer) == 4 + PIECES * len(PIECE)
    assert grown < READERS * len(whole.answer) * 2
    assert [kind_of(event) async for event in stream][-1] == "completed"
    for reader in readers:
        reader.send_signal(signal.SIGCONT)
    for reader in readers:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, error = await reader.communicate()
        assert reader.returncode == 0, error.decode()
        assert out.decode().count("x" * 1000) >= 2 * len(whole.answer) // 1100
        assert '"completed"' in out.decode()
