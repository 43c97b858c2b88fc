"""Every fact is told by a message of the contract."""

from collections.abc import Iterator
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Final, TypedDict

import pytest
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from adapters.protobuf.events import PAYLOADS, EventEncoding
from adapters.protobuf.usage import read_usage
from domain.budget.account import Account, AccountKind
from domain.budget.events import BudgetWarning, UsageLine, UsageRecorded
from domain.capsule.events import CapsuleActivated
from domain.conversation.events import (
    TurnAccepted,
    TurnCancelled,
    TurnCompleted,
    TurnFact,
    TurnFailed,
    TurnPaused,
    TurnResumed,
)
from domain.conversation.turn import Failure, Usage
from domain.kernel.events import AuditRecorded, DomainEvent
from domain.kernel.identifiers import (
    EventId,
    MemoryId,
    RecordId,
    ReservationId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import Metric
from domain.memory.events import MemoryForgotten, MemoryRemembered
from domain.memory.recollection import MemoryKind, MemoryScope
from domain.provenance.events import RecordsSealed, SealedRecord, chain_key
from domain.tools.events import ApprovalDecided, ApprovalRequested, CallFact, ToolInvoked
from domain.tools.invocation import InvocationState
from somagent.budget.v1 import budget_pb2
from somagent.events.v1 import events_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.builders import CAPSULE_VERSION, EVENT, INVOCATION, SESSION, TENANT, TURN, fact
from tests.fakes import NOON

SRC: Final = Path(__file__).parents[4] / "src"
USAGE: Final = Usage(prompt_tokens=30, completion_tokens=10, tool_calls=1, api_calls=1)
TURN_NAME: Final = f"tenants/acme/sessions/{SESSION}/turns/{TURN}"
CALL_NAME: Final = f"tenants/acme/invocations/{INVOCATION}"
RECORD: Final = RecordId(EVENT)
FAILURE: Final = Failure(
    kind="UnavailableError", reason="MODEL_FAILED", message="it broke", facts={"capability": "tiny"}
)

encode: Final = EventEncoding({"UnavailableError": 14})


class Header(TypedDict):
    id: EventId
    tenant_id: TenantId
    key: SessionId
    occurred_at: datetime
    tenant: str
    session_id: SessionId
    turn_id: TurnId


HEADER: Final = Header(
    id=EVENT, tenant_id=TENANT, key=SESSION, occurred_at=NOON,
    tenant="acme", session_id=SESSION, turn_id=TURN,
)  # fmt: skip

FACTS: Final[tuple[DomainEvent, ...]] = (
    TurnAccepted(**HEADER, capsule_version_id=CAPSULE_VERSION, subject="ada"),
    TurnPaused(**HEADER, waiting=(INVOCATION,)),
    TurnResumed(**HEADER),
    TurnCompleted(**HEADER, capsule_version_id=CAPSULE_VERSION, usage=USAGE, record_id=RECORD),
    TurnFailed(**HEADER, failure=FAILURE, usage=USAGE, record_id=RECORD),
    TurnCancelled(**HEADER, by="ada", usage=USAGE, record_id=RECORD),
    UsageRecorded(**HEADER, subject="ada", lines=(UsageLine(Metric.TOKENS, 40, 1, 4000),)),
    ToolInvoked(
        **HEADER, invocation_id=INVOCATION, tool="send", state=InvocationState.SUCCEEDED
    ),
    ApprovalRequested(**HEADER, invocation_id=INVOCATION, tool="send", expires_at=NOON),
    ApprovalDecided(
        **HEADER, invocation_id=INVOCATION, state=InvocationState.PERMITTED, decider="grace"
    ),
    BudgetWarning(
        id=EVENT, tenant_id=TENANT, key=TENANT, occurred_at=NOON,
        account=Account(AccountKind.WORKFLOW, "nightly"),
        metric=Metric.TOKENS, period=date(2026, 11, 1), percent=80, limit=1000, spent=801,
    ),
    CapsuleActivated(
        id=EVENT, tenant_id=TENANT, key=TENANT, occurred_at=NOON, tenant="acme", capsule="demo",
        version="1.1.0", previous="1.0.0", hash=bytes(32), subject="ada",
    ),
    AuditRecorded(
        id=EVENT, tenant_id=TENANT, key=TENANT, occurred_at=NOON,
        action="operations:replay", subject="ada", resource="tenants/acme",
    ),
    MemoryRemembered(
        id=EVENT, tenant_id=TENANT, key=TENANT, occurred_at=NOON, memory_id=MemoryId(EVENT),
        scope=MemoryScope(TENANT, "ada"), kind=MemoryKind.FACT, digest=bytes(32),
    ),
    MemoryForgotten(
        id=EVENT, tenant_id=TENANT, key=TENANT, occurred_at=NOON, memory_id=MemoryId(EVENT)
    ),
    RecordsSealed(
        id=EVENT, tenant_id=TENANT, key=chain_key(TENANT), occurred_at=NOON, key_id="key",
        records=(SealedRecord(record_id=RECORD, position=1, hash=bytes(32)),),
    ),
)  # fmt: skip


def names_of(kind: type[DomainEvent]) -> Iterator[str]:
    """The facts by name: a slotted class leaves the one it was made of behind for a while."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("domain."):
            yield child.__qualname__
            yield from names_of(child)


@pytest.fixture(scope="module")
def published() -> set[str]:
    for module in SRC.glob("domain/*/events.py"):
        import_module(".".join(module.relative_to(SRC).with_suffix("").parts))
    return set(names_of(DomainEvent)) - {TurnFact.__qualname__, CallFact.__qualname__}


def test_every_fact_has_a_message(published: set[str]) -> None:
    assert {type(one).__qualname__ for one in FACTS} == published


@pytest.mark.parametrize("event", FACTS, ids=lambda event: type(event).__name__)
def test_a_payload_is_the_message_that_its_type_says(event: DomainEvent) -> None:
    kind, payload = encode(event)

    message = GetMessageClass(Default().FindMessageTypeByName(PAYLOADS[kind]))
    assert message.FromString(payload).SerializeToString() == payload


def test_types_are_unlike() -> None:
    assert len({encode(event)[0] for event in FACTS}) == len(FACTS) == len(PAYLOADS)


def test_an_answered_turn_tells_its_use_and_its_record() -> None:
    kind, payload = encode(FACTS[3])

    told = pb.TurnCompleted.FromString(payload)
    assert kind == "turn.completed"
    assert (told.turn, told.record) == (TURN_NAME, f"tenants/acme/records/{RECORD}")
    assert (told.usage.prompt_tokens, told.usage.cost_micro_usd) == (30, 4000 + 10_000)


@pytest.mark.parametrize("alone", ["invocation", "reservation"])
def test_use_outside_turns_names_what_used_it(alone: str) -> None:
    event = UsageRecorded(
        id=EVENT, tenant_id=TENANT, key=TENANT, occurred_at=NOON, tenant="acme", session_id=None,
        turn_id=None, subject="ada", lines=(UsageLine(Metric.TOKENS, 40, 1, 4000),),
        invocation_id=INVOCATION if alone == "invocation" else None,
        reservation_id=ReservationId(EVENT) if alone == "reservation" else None,
    )  # fmt: skip

    payload = encode(event)[1]

    told = pb.UsageRecorded.FromString(payload)
    names = {"invocation": CALL_NAME, "reservation": f"tenants/acme/reservations/{EVENT}"}
    assert (told.turn, getattr(told, alone)) == ("", names[alone])
    assert read_usage(payload) == (event.reference, {Metric.TOKENS: 40})


def test_use_by_a_turn_is_read_back() -> None:
    assert read_usage(encode(FACTS[6])[1]) == (TURN, {Metric.TOKENS: 40})


def test_use_that_names_nothing_is_of_nothing() -> None:
    assert read_usage(pb.UsageRecorded(subject="ada").SerializeToString()) is None


def test_a_failure_has_the_code_of_its_kind() -> None:
    told = pb.TurnFailed.FromString(encode(FACTS[4])[1])

    assert (told.error.code, told.error.reason) == (14, "MODEL_FAILED")
    assert told.error.domain == "somagent.dev"
    assert dict(told.error.metadata) == {"capability": "tiny"}


def test_a_failure_of_no_kind_is_an_internal_one() -> None:
    broken = Failure(kind="DomainError", reason="INTERNAL", message="", facts={})
    event = TurnFailed(**HEADER, failure=broken, usage=USAGE, record_id=RECORD)

    assert pb.TurnFailed.FromString(encode(event)[1]).error.code == 13


def test_a_decision_names_its_call_and_its_turn() -> None:
    told = pb.ApprovalDecided.FromString(encode(FACTS[9])[1])

    assert (told.invocation, told.turn, told.decider) == (CALL_NAME, TURN_NAME, "grace")
    assert told.state == tools_pb2.INVOCATION_STATE_PERMITTED


def test_a_decision_about_a_call_by_itself_names_no_turn() -> None:
    event = ApprovalDecided(
        id=EVENT, tenant_id=TENANT, key=TENANT, occurred_at=NOON, tenant="acme",
        invocation_id=INVOCATION, session_id=None, turn_id=None,
        state=InvocationState.REJECTED, decider="grace",
    )  # fmt: skip

    assert not pb.ApprovalDecided.FromString(encode(event)[1]).turn


def test_a_fact_without_a_message_is_refused() -> None:
    with pytest.raises(TypeError):
        encode(fact())


def test_a_warning_says_whose_limit_it_is() -> None:
    warning = next(one for one in FACTS if isinstance(one, BudgetWarning))

    told = pb.BudgetWarning.FromString(encode(warning)[1])

    assert told.account.kind == budget_pb2.ACCOUNT_KIND_WORKFLOW
    assert told.account.id == "nightly"
