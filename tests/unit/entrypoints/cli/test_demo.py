"""The demonstration against a service that answers as the contract says."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from application.capsule.sign_capsule import SignCapsule
from entrypoints.assembly.offline import new_key_pair, sign_capsules
from entrypoints.cli.demo_run import Demo, DemoOrder
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.remembered import recall
from entrypoints.failure import StartError
from somagent.budget.v1.budget_pb2 import METRIC_TOKENS, GetUsageResponse, MetricUsage
from somagent.capsule.v1.capsule_pb2 import (
    ActivateCapsuleResponse,
    Capsule,
    CreateCapsuleRequest,
    CreateCapsuleResponse,
    Knobs,
)
from somagent.conversation.v1.conversation_pb2 import (
    CreateSessionResponse,
    DeleteSessionRequest,
    GetDecisionTraceResponse,
    GetTurnResponse,
    ProcessMessageRequest,
    Session,
    Turn,
)
from somagent.provenance.v1.provenance_pb2 import GetReceiptResponse
from somagent.tenancy.v1.tenancy_pb2 import CreateApiKeyRequest, CreateApiKeyResponse
from tests.receipts import SIGNER, STRANGER, sealed_chain
from tests.unit.entrypoints.cli.screens import ReadableScreen, readable_screen
from tests.unit.entrypoints.cli.service import (
    SESSION,
    TURN,
    Refusal,
    Service,
    completed_turn,
)
from tests.unit.entrypoints.cli.test_receipt_file import message_of
from tests.unit.entrypoints.cli.test_trace_view import TRACE

KEY = "sk_0123456789abcdef"
CAPSULE = Capsule(
    name="tenants/demo/capsules/demo/versions/1.0.0", knobs=Knobs(intelligence_level=3)
)


@dataclass(frozen=True, slots=True)
class Running:
    """A service as it is started for the demonstration."""

    address: str
    sign_capsule: SignCapsule
    operator_key: str = "sk_operator"
    receipt_keys: tuple[bytes, ...] = (SIGNER.public_key,)


@pytest.fixture
async def answering(service: Service) -> Service:
    """The service with an answer for each call of the demonstration."""
    [receipt] = await sealed_chain(1)
    spent = iter([100, 220, 220, 340])
    service.streams = [completed_turn(), completed_turn()]
    service.answers = {
        "CreateApiKeyRequest": lambda _: CreateApiKeyResponse(secret=KEY),
        "CreateCapsuleRequest": lambda _: CreateCapsuleResponse(capsule=CAPSULE),
        "ActivateCapsuleRequest": lambda _: ActivateCapsuleResponse(capsule=CAPSULE),
        "CreateSessionRequest": lambda _: CreateSessionResponse(session=Session(name=SESSION)),
        "GetUsageRequest": lambda _: GetUsageResponse(
            period="2026-11",
            usages=[
                MetricUsage(
                    metric=METRIC_TOKENS, limit=500_000, spent=next(spent), remaining=499_000
                )
            ],
        ),
        "GetTurnRequest": lambda _: GetTurnResponse(turn=Turn(name=TURN)),
        "GetDecisionTraceRequest": lambda _: GetDecisionTraceResponse(decision_trace=TRACE),
        "GetReceiptRequest": lambda _: GetReceiptResponse(receipt=message_of(receipt)),
    }
    return service


async def demonstrate(
    service: Service, folder: Path, running: Running | None = None
) -> tuple[ExitCode, ReadableScreen]:
    stack = running or Running(service.address, sign_capsules(new_key_pair().private))

    @asynccontextmanager
    async def start(report: Callable[[str, str], None]) -> AsyncGenerator[Running]:
        for step in ("postgres", "migrations", "model"):
            report(step, "started")
            report(step, "done")
        report("server", stack.address)
        yield stack

    readable = readable_screen()
    order = DemoOrder(memory=folder / "client.json")
    return await Demo(order, readable.screen).run(start), readable


async def test_it_shows_everything_from_the_start_to_the_receipt(
    answering: Service, tmp_path: Path
) -> None:
    code, readable = await demonstrate(answering, tmp_path)

    assert code is ExitCode.DONE
    for shown in (
        "PostgreSQL",
        "demo, plan team",
        "intelligence 3, its first tool call named",
        "> How much is 17.5 * 3?",
        "tool  arithmetic",
        "52.5",
        "budget of 2026-11",
        "+120",
        "phases",
        "receipt holds",
        "somagent.conversation.v1.ConversationService/ProcessMessage",
    ):
        assert shown in readable.text


async def test_the_lines_to_go_on_with_hold_the_real_key_and_names(
    answering: Service, tmp_path: Path
) -> None:
    _, readable = await demonstrate(answering, tmp_path)

    assert f"export KEY={KEY}\n" in readable.text
    lines = [line for line in readable.text.splitlines() if "WatchTurn" in line]
    assert len(lines) == 1
    assert f'\'{{"name":"{TURN}","after_sequence":3}}\'' in lines[0]
    assert answering.address in lines[0]


async def test_the_key_is_shown_once_and_kept_for_its_owner(
    answering: Service, tmp_path: Path
) -> None:
    await demonstrate(answering, tmp_path)

    remembered = recall(tmp_path / "client.json")
    assert remembered.key == KEY
    assert remembered.turn == TURN
    assert remembered.receipt_keys == (SIGNER.public_key.hex(),)


async def test_the_receipt_is_a_file_that_can_be_verified_again(
    answering: Service, tmp_path: Path
) -> None:
    _, readable = await demonstrate(answering, tmp_path)

    [path] = (tmp_path / "receipts").iterdir()
    assert str(path) in readable.text
    assert b"somagent.receipt.v1" in path.read_bytes()


async def test_a_second_run_keeps_the_key_and_gives_its_old_session_back(
    answering: Service, tmp_path: Path
) -> None:
    await demonstrate(answering, tmp_path)
    answering.refusals["CreateTenantRequest"] = Refusal(
        grpc.StatusCode.ALREADY_EXISTS, "TENANT_ALREADY_EXISTS"
    )

    code, readable = await demonstrate(answering, tmp_path)

    assert code is ExitCode.DONE
    assert len(answering.of(CreateApiKeyRequest)) == 1
    assert [one.name for one in answering.of(DeleteSessionRequest)] == [SESSION]
    assert "is there already" in readable.text


async def test_a_key_that_opens_nothing_any_more_is_made_anew(
    answering: Service, tmp_path: Path
) -> None:
    await demonstrate(answering, tmp_path)
    answering.refusals["GetTenantRequest"] = Refusal(
        grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"
    )

    await demonstrate(answering, tmp_path)

    assert len(answering.of(CreateApiKeyRequest)) == 2


async def test_the_capsule_that_is_brought_in_is_signed(answering: Service, tmp_path: Path) -> None:
    await demonstrate(answering, tmp_path)

    [creation] = answering.of(CreateCapsuleRequest)
    assert re.search(r"^signature:\n", creation.manifest, re.MULTILINE)


async def test_the_message_goes_to_the_new_session(answering: Service, tmp_path: Path) -> None:
    await demonstrate(answering, tmp_path)

    assert [one.session for one in answering.of(ProcessMessageRequest)] == [SESSION]


async def test_a_receipt_of_another_key_is_a_failure(answering: Service, tmp_path: Path) -> None:
    running = Running(
        answering.address,
        sign_capsules(new_key_pair().private),
        receipt_keys=(STRANGER.public_key,),
    )

    with pytest.raises(CommandFailedError, match="the receipt does not hold") as failure:
        await demonstrate(answering, tmp_path, running)

    assert failure.value.code is ExitCode.FOUND_WRONG


async def test_a_step_that_fails_is_named(tmp_path: Path) -> None:
    @asynccontextmanager
    async def start(report: Callable[[str, str], None]) -> AsyncGenerator[Running]:
        report("postgres", "started")
        raise StartError("postgres", "the disk is full", "free some space")
        yield

    readable = readable_screen()
    demo = Demo(DemoOrder(memory=tmp_path / "client.json"), readable.screen)

    with pytest.raises(StartError):
        await demo.run(start)

    assert "failed PostgreSQL" in readable.text
