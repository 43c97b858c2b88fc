"""The contract keeps its own rules: permissions, request ids, paging, bounds, examples, reasons."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import protovalidate
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import (
    FileDescriptorProto,
    FileDescriptorSet,
    MethodOptions,
    ServiceDescriptorProto,
)

from buf.validate import validate_pb2
from somagent.authorization.v1 import permission_pb2
from somagent.budget.v1 import budget_pb2
from somagent.capability.v1 import capability_pb2
from somagent.capsule.v1 import capsule_pb2
from somagent.conversation.v1 import conversation_pb2
from somagent.errors.v1 import reason_pb2
from somagent.events.v1 import events_pb2
from somagent.memory.v1 import memory_pb2
from somagent.operations.v1 import operations_pb2
from somagent.provenance.v1 import provenance_pb2
from somagent.tenancy.v1 import tenancy_pb2
from somagent.tools.v1 import tools_pb2

ROOT = Path(__file__).parents[2]
FILES = (
    conversation_pb2.DESCRIPTOR,
    tools_pb2.DESCRIPTOR,
    budget_pb2.DESCRIPTOR,
    capability_pb2.DESCRIPTOR,
    provenance_pb2.DESCRIPTOR,
    capsule_pb2.DESCRIPTOR,
    memory_pb2.DESCRIPTOR,
    tenancy_pb2.DESCRIPTOR,
    operations_pb2.DESCRIPTOR,
)
SERVICE = FileDescriptorProto.SERVICE_FIELD_NUMBER
METHOD = ServiceDescriptorProto.METHOD_FIELD_NUMBER
REASONS = {name.removeprefix("REASON_") for name in reason_pb2.Reason.keys()[1:]}
SERVICES = {
    "somagent.conversation.v1.ConversationService": (
        "CreateSession GetSession ListSessions DeleteSession ProcessMessage WatchTurn GetTurn"
        " ListTurns CancelTurn SubmitFeedback GetDecisionTrace"
    ),
    "somagent.tools.v1.ToolService": (
        "ListTools ExecuteTool GetInvocation ListInvocations ListPendingApprovals"
        " ApproveInvocation RejectInvocation ResolveInvocation"
    ),
    "somagent.budget.v1.BudgetService": (
        "GateBudget SettleBudget ReleaseReservation GetUsage ListLimits SetLimit"
    ),
    "somagent.capability.v1.CapabilityService": (
        "RegisterCapability ListCapabilities SelectCapability ExplainSelection"
    ),
    "somagent.provenance.v1.ProvenanceService": (
        "RecordProvenance GetRecord ListRecords GetReceipt VerifyReceipt"
    ),
    "somagent.capsule.v1.CapsuleService": (
        "CreateCapsule GetCapsule ListCapsules ActivateCapsule RevokeCapsule"
    ),
    "somagent.memory.v1.MemoryService": "Remember Recall Forget",
    "somagent.tenancy.v1.TenancyService": "CreateTenant GetTenant CreateApiKey RevokeApiKey",
    "somagent.operations.v1.OperationsService": (
        "GetServerInfo ListStuckTurns GetReconciliation StopTenant"
        " ListDeadLetters GetDeadLetter UpdateDeadLetter DiscardDeadLetters"
        " ReplayDeadLetters ReplayEvents"
    ),
}
METHODS = {
    method.full_name: method
    for file in FILES
    for service in file.services_by_name.values()
    for method in service.methods
}
MUTATIONS = {
    name: method
    for name, method in METHODS.items()
    if method.GetOptions().idempotency_level != MethodOptions.NO_SIDE_EFFECTS
}
LISTS = {name: method for name, method in METHODS.items() if method.name.startswith("List")}

each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
each_mutation = pytest.mark.parametrize("method", MUTATIONS.values(), ids=MUTATIONS)
each_list = pytest.mark.parametrize("method", LISTS.values(), ids=LISTS)


def rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return field.GetOptions().Extensions[validate_pb2.field]


def is_bounded(field: FieldDescriptor) -> bool:
    """Whether the rules limit how much the field can hold."""
    rule = rules(field)
    if field.is_repeated:
        return rule.repeated.HasField("max_items") or rule.map.HasField("max_pairs")
    if field.type == FieldDescriptor.TYPE_STRING:
        string = rule.string
        return string.HasField("max_len") or string.HasField("uuid") or bool(string.pattern)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rule.bytes.HasField("max_len") or rule.bytes.HasField("len")
    return True


def fields_within(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Every field of a message of ours and of the messages in it; none of them is recursive."""
    for field in message.fields:
        yield field
        inner = field.message_type
        if inner is not None and inner.file.package.startswith("somagent."):
            if inner.GetOptions().map_entry:
                continue
            yield from fields_within(inner)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    """The .proto files with their comments, and what they import."""
    target = tmp_path_factory.mktemp("contract") / "contract.binpb"
    folder = ROOT / "proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "-Ithird_party"]
    options = ["--include_imports", "--include_source_info", f"--descriptor_set_out={target}"]
    paths = [file.relative_to(folder) for file in folder.glob("somagent/**/*.proto")]
    subprocess.run([*command, *options, *paths], cwd=folder, check=True)  # noqa: S603  our own files
    return FileDescriptorSet.FromString(target.read_bytes())


@pytest.fixture(scope="module")
def comments(contract: FileDescriptorSet) -> Mapping[str, str]:
    """The comment of every method, by its full name."""
    return {
        f"{file.package}.{service.name}.{service.method[place.path[3]].name}": (
            place.leading_comments
        )
        for file in contract.file
        for place in file.source_code_info.location
        if len(place.path) == 4 and (place.path[0], place.path[2]) == (SERVICE, METHOD)
        for service in (file.service[place.path[1]],)
    }


def test_the_services_have_exactly_the_methods_that_work() -> None:
    found = {
        service.full_name: {method.name for method in service.methods}
        for file in FILES
        for service in file.services_by_name.values()
    }

    assert found == {name: set(methods.split()) for name, methods in SERVICES.items()}


@each_method
def test_a_method_names_a_permission_of_its_context(method: MethodDescriptor) -> None:
    permission = method.GetOptions().Extensions[permission_pb2.permission]

    context = method.containing_service.file.package.split(".")[1]
    assert re.fullmatch(rf"{context}:[a-z]+(_[a-z]+)*", permission)


@each_method
def test_a_method_says_whether_it_changes_anything(method: MethodDescriptor) -> None:
    level = method.GetOptions().idempotency_level

    takes_a_request_id = "request_id" in method.input_type.fields_by_name
    expected = MethodOptions.IDEMPOTENT if takes_a_request_id else MethodOptions.NO_SIDE_EFFECTS
    assert level == expected


@each_mutation
def test_a_mutation_must_be_given_a_request_id(method: MethodDescriptor) -> None:
    rule = rules(method.input_type.fields_by_name["request_id"])

    assert rule.required
    assert rule.string.uuid


@each_list
def test_a_list_comes_in_pages(method: MethodDescriptor) -> None:
    asked, given = method.input_type.fields_by_name, method.output_type.fields

    assert rules(asked["page_size"]).int32.lte == 1000
    assert rules(asked["page_token"]).string.max_len == 512
    assert rules(asked["parent"]).required
    assert [field.name for field in given if field.is_repeated] == [given[0].name]
    assert [field.name for field in given if not field.is_repeated] == ["next_page_token"]


@each_method
def test_a_request_limits_everything_that_it_holds(method: MethodDescriptor) -> None:
    unbounded = [
        field.full_name for field in fields_within(method.input_type) if not is_bounded(field)
    ]

    assert unbounded == []


@each_method
def test_a_method_shows_an_example_that_is_valid(
    method: MethodDescriptor, comments: Mapping[str, str]
) -> None:
    service = method.containing_service.full_name
    example = re.search(
        r"grpcurl .*\\\n   -d '(\{.*\})' \\\n   \S+ (\S+)\n", comments[method.full_name]
    )

    assert example is not None
    assert example[2] == f"{service}/{method.name}"
    request = message_factory.GetMessageClass(method.input_type)()
    protovalidate.validate(json_format.Parse(example[1], request))


@each_method
def test_a_method_says_what_refuses_it(
    method: MethodDescriptor, comments: Mapping[str, str]
) -> None:
    section = re.search(r"Refused with: (.*?)(\n\n|\Z)", comments[method.full_name], re.DOTALL)

    assert section is not None
    named = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", section[1])
    assert [name for name in named if name not in REASONS] == []


def test_the_reasons_are_those_of_the_table() -> None:
    table = tomllib.loads((ROOT / "contracts/reasons.toml").read_text(encoding="utf-8"))

    assert set(table) == REASONS
    statuses = {status.name for status in grpc.StatusCode}
    for reason, entry in table.items():
        assert set(entry) == {"status", "meaning"}, reason
        assert entry["status"] in statuses, reason
        assert entry["meaning"], reason


def test_the_rules_are_read_as_the_validator_obeys_them(contract: FileDescriptorSet) -> None:
    (ours,) = (file for file in contract.file if file.name == "buf/validate/validate.proto")
    ours.ClearField("source_code_info")

    obeyed = protovalidate.ViolationPb.desc().file.proto
    assert ours == FileDescriptorProto.FromString(obeyed.to_binary())


def test_an_event_travels_in_its_envelope() -> None:
    completed = events_pb2.TurnCompleted(turn="tenants/demo/sessions/1/turns/2")
    envelope = events_pb2.Envelope(type="turn.completed")
    envelope.payload.Pack(completed)

    read = events_pb2.Envelope.FromString(envelope.SerializeToString())

    assert read.payload.type_url == "type.googleapis.com/somagent.events.v1.TurnCompleted"
    found = events_pb2.TurnCompleted()
    assert read.payload.Unpack(found)
    assert found == completed


@pytest.mark.parametrize(
    "changed",
    [
        {"session": "tenants/demo/sessions/7"},
        {"session": "tenants/Demo/sessions/0198f2a0-0000-7000-8000-00000000000a"},
        {"session": "tenants/demo/sessions/0198f2a0-0000-7000-8000-00000000000a\n"},
        {"session": ""},
        {"text": ""},
        {"text": "a\x00b"},
        {"text": "x" * (1024 * 1024 + 1)},
        {"request_id": ""},
        {"request_id": "seven"},
        {"max_tokens": 0},
        {"tool_choice": {}},
        {"tool_choice": {"mode": "TOOL_CHOICE_MODE_UNSPECIFIED"}},
        {"tool_choice": {"tool": "no such name"}},
    ],
    ids=lambda changed: str(changed)[:60],
)
def test_a_message_of_a_wrong_shape_is_told(changed: Mapping[str, object]) -> None:
    message = {
        "session": "tenants/demo/sessions/0198f2a0-0000-7000-8000-00000000000a",
        "text": "ü" * 512 * 1024,
        "request_id": "0198F2A0-0000-7000-8000-000000000003",
        "tool_choice": {"mode": "TOOL_CHOICE_MODE_REQUIRED"},
    }
    request = conversation_pb2.ProcessMessageRequest
    protovalidate.validate(json_format.ParseDict(message, request()))

    with pytest.raises(protovalidate.ValidationError):
        protovalidate.validate(json_format.ParseDict({**message, **changed}, request()))
