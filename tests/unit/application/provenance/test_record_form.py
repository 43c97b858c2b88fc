"""The JSON of records is an agreement with every holder of a receipt: see contracts/receipts."""

import json
from datetime import timedelta, timezone
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import SchemaRegistry

from application.kernel.ports import Json
from application.provenance.receipt_form import receipt_form
from application.provenance.record_form import form_of, instant
from domain.kernel.identifiers import InvocationId, MemoryId
from domain.kernel.metering import Metric
from domain.provenance.record import (
    CapsuleUse,
    Cost,
    LaneUse,
    MemoryUse,
    ModelUse,
    PhaseTime,
    PolicyDecision,
    ProvenanceRecord,
    ToolUse,
    TurnContent,
)
from domain.provenance.salted_hash import salted_hash
from tests.builders import CAPSULE_VERSION, SESSION, TENANT, TURN
from tests.fakes import NOON
from tests.receipts import JSON, external_record, record_id, sealed_chain

CONTRACTS: Final = Path(__file__).parents[4] / "contracts" / "receipts"
NONCE: Final = bytes(16)
NOTHING_ELSE: Final[SchemaRegistry] = Registry()


def turn_record() -> ProvenanceRecord:
    return ProvenanceRecord(
        id=record_id(1),
        tenant_id=TENANT,
        subject=salted_hash(NONCE, "ada"),
        started_at=NOON,
        finished_at=NOON,
        outcome="completed",
        content=TurnContent(
            turn_id=TURN,
            session_id=SESSION,
            capsule=CapsuleUse(
                version_id=CAPSULE_VERSION, name="greeter", version="1.0.0", digest=bytes(32)
            ),
            settings={"temperature": 0.3, "max_tokens": 512, "model_tier": "budget"},
            question=salted_hash(NONCE, "What is 17.5 * 3?"),
            answer=salted_hash(NONCE, "52.5"),
            models=(ModelUse(round=1, capability="local", provider="llama", model="smollm2"),),
            memories=(MemoryUse(id=MemoryId(UUID(int=1)), digest=salted_hash(NONCE, "m")),),
            tools=(
                ToolUse(
                    invocation_id=InvocationId(UUID(int=2)),
                    round=1,
                    tool="arithmetic",
                    arguments=salted_hash(NONCE, "{}"),
                    result=None,
                    state="succeeded",
                ),
            ),
            decisions=(
                PolicyDecision(
                    permission="tool:run", resource="arithmetic", allowed=True, rule="r"
                ),
            ),
            lanes=(LaneUse(lane="history", budget=100, used=7),),
            costs=(
                Cost(metric=Metric.TOKENS, amount=9, price_version=1, list_price_micro_usd=900),
            ),
            phases=(PhaseTime("capsule", 120),),
            degraded=("memory",),
        ),
    )


def fits(name: str, form: Json) -> bool:
    """Whether the form, as it is written, is of the published schema."""
    schema = json.loads((CONTRACTS / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, registry=NOTHING_ELSE)
    read: Json = json.loads(JSON.encode(form))
    return validator.is_valid(read)  # pyright: ignore[reportUnknownMemberType]  its stub


@pytest.mark.parametrize("record", [turn_record(), external_record(1)], ids=["turn", "external"])
def test_a_record_is_as_its_schema_says(record: ProvenanceRecord) -> None:
    assert fits("record.v1.json", form_of(record))


async def test_a_receipt_is_as_its_schema_says() -> None:
    (receipt,) = await sealed_chain(1)

    assert fits("receipt.v1.json", receipt_form(receipt))


def test_the_golden_record_has_not_changed() -> None:
    golden = (CONTRACTS / "record.v1.golden.json").read_bytes()

    assert JSON.encode(form_of(turn_record())) + b"\n" == golden


def test_an_instant_has_one_text() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=2)))

    assert instant(elsewhere) == instant(NOON) == "2026-11-21T12:00:00.000000Z"
