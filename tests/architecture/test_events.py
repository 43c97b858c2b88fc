"""The JSON form of events is what messages look like, and keeps what readers rely on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml
from google.protobuf.json_format import MessageToJson
from jsonschema import Draft202012Validator

from adapters.protobuf.envelopes import envelope_of
from adapters.protobuf.events import PAYLOADS
from application.kernel.ports import Json
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import EventId
from somagent.conversation.v1 import conversation_pb2
from somagent.errors.v1 import error_pb2
from somagent.events.v1 import events_pb2 as pb
from tests.builders import SESSION, TENANT
from tests.fakes import NOON, CountingIdentifiers

ROOT: Final = Path(__file__).parents[2]
EVENTS: Final = ROOT / "contracts" / "events"
CHANGES: Final = ROOT / "infra" / "proto" / "event_changes.py"

Schema = dict[str, Json]


def schema_of(name: str) -> Schema:
    schema: Schema = json.loads((EVENTS / f"{name}.json").read_text())
    return schema


def told(kind: str, payload: bytes) -> Json:
    """An event in its envelope, as JSON."""
    event = OutgoingEvent(
        id=EventId(CountingIdentifiers().next()),
        tenant_id=TENANT,
        tenant="acme",
        key=SESSION,
        sequence=3,
        type=kind,
        version=1,
        traceparent="",
        occurred_at=NOON,
        payload=payload,
    )
    read: Json = json.loads(MessageToJson(pb.Envelope.FromString(envelope_of(event))))
    return read


def fits(kind: str, event: Json) -> bool:
    schema = schema_of(f"{kind}.v1")
    assert schema["allOf"] == [{"$ref": "envelope.v1.json"}]
    validator = Draft202012Validator({**schema, "allOf": [schema_of("envelope.v1")]})
    return validator.is_valid(event)  # pyright: ignore[reportUnknownMemberType] - its stub's


@pytest.mark.parametrize("kind", PAYLOADS)
def test_every_type_has_a_schema_that_its_events_fit(kind: str) -> None:
    assert fits(kind, told(kind, b""))


def test_a_failed_turn_fits_with_all_that_it_holds() -> None:
    failed = pb.TurnFailed(
        turn="tenants/acme/sessions/s/turns/t",
        error=error_pb2.Error(reason="TURN_ABANDONED", metadata={"a": "b"}),
        usage=conversation_pb2.Usage(prompt_tokens=12, estimated=True),
    )

    assert fits("turn.failed", told("turn.failed", bytes_of(failed)))


def test_an_event_of_another_type_does_not_fit() -> None:
    assert not fits("turn.failed", told("turn.resumed", b""))


def test_the_asyncapi_document_names_every_type_and_its_topic() -> None:
    document = yaml.safe_load((EVENTS / "asyncapi.yaml").read_text())

    sent = [kind for channel in document["channels"].values() for kind in channel["messages"]]
    assert sorted(sent) == sorted(PAYLOADS)
    assert all(
        (EVENTS / message["payload"]["$ref"]).exists()
        for message in document["components"]["messages"].values()
    )


def changes(tmp_path: Path, schema: Schema) -> str:
    """What stands in the way when the schema of a type is this one from now on."""
    released = tmp_path / "released.json"
    before: Schema = {
        "properties": {"a": {"type": "string", "enum": ["X", "Y"]}, "b": {"type": "integer"}},
        "required": ["a"],
    }
    released.write_text(json.dumps({"some.v1": before}))
    (tmp_path / "some.v1.json").write_text(json.dumps(schema))
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(CHANGES), "check", str(tmp_path), str(released)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 1) == bool(done.stderr)
    return done.stderr


A: Final[Schema] = {"type": "string", "enum": ["X", "Y", "Z"], "description": "words"}
B: Final[Schema] = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"properties": {"a": A, "b": B, "c": B}, "required": ["a"]}, ""),
        ({"properties": {"a": A, "b": B}}, ""),
        ({"properties": {"a": A}, "required": ["a"]}, "b: is gone"),
        ({"properties": {"a": A, "b": {"type": "string"}}, "required": ["a"]}, '"string"'),
        ({"properties": {"a": A, "b": B}, "required": ["a", "b"]}, "b was optional"),
        ({"properties": {"a": {**A, "enum": ["X"]}, "b": B}, "required": ["a"]}, "Y are gone"),
    ],
)
def test_what_readers_rely_on_is_not_taken_away(
    tmp_path: Path, schema: Schema, complaint: str
) -> None:
    said = changes(tmp_path, schema)

    assert bool(said) == bool(complaint)
    assert complaint in said


def bytes_of(message: pb.TurnFailed) -> bytes:
    return message.SerializeToString()
