"""Every method of the contract: strangers, missing credentials, malformed and hostile requests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from somagent.operations.v1 import operations_pb2
from somagent.provenance.v1 import provenance_pb2
from somagent.tenancy.v1 import tenancy_pb2
from tests.e2e.belongings import (
    SHIBBOLETH,
    Belongings,
    belongings,
    name_of,
    renamed,
    requests_about,
)
from tests.e2e.stage import Stage
from tests.system.client import METHODS_BY_REQUEST, Client, RefusedError, path_of
from tests.upstream.scripted import ScriptedUpstream

NAMELESS: Final = (
    operations_pb2.GetServerInfoRequest,
    provenance_pb2.VerifyReceiptRequest,
    tenancy_pb2.CreateTenantRequest,
)
"""Requests about nothing of a tenant's."""

NOT_THERE: Final = {
    "sessions": "SESSION_NOT_FOUND",
    "turns": "TURN_NOT_FOUND",
    "records": "RECORD_NOT_FOUND",
    "invocations": "INVOCATION_NOT_FOUND",
    "memories": "MEMORY_NOT_FOUND",
    "keys": "KEY_NOT_FOUND",
    "reservations": "RESERVATION_NOT_FOUND",
    "versions": "CAPSULE_NOT_FOUND",
    "capsules": "CAPSULE_NOT_FOUND",
    "deadLetters": "DEAD_LETTER_NOT_FOUND",
    "tenants": "TENANT_NOT_FOUND",
}


@pytest.fixture
async def own(stage: Stage, upstream: ScriptedUpstream) -> Belongings:
    """Everything that one tenant has."""
    return await belongings(stage, upstream)


@pytest.fixture
async def stranger(stage: Stage) -> Client:
    """The administrator of another tenant."""
    slug, caller = await stage.tenant()
    return Client(stage.channel, slug, caller.key)


async def told(client: Client, request: Message) -> str:
    """The status and reason of a refusal; OK where there was none."""
    try:
        await client.answers(request)
    except RefusedError as refused:
        return f"{refused.code.name} {refused.reason}"
    return "OK"


def test_there_is_a_request_for_every_method(own: Belongings) -> None:
    known = [request.DESCRIPTOR.full_name for request in requests_about(own)]

    assert sorted(known) == sorted(METHODS_BY_REQUEST)


async def test_what_another_tenant_has_is_not_there(own: Belongings, stranger: Client) -> None:
    requests = [one for one in requests_about(own) if not isinstance(one, NAMELESS)]
    expected = {name_of(one): f"NOT_FOUND {NOT_THERE[_collection(one)]}" for one in requests}

    found = {name_of(one): await told(stranger, one) for one in requests}

    assert found == expected
    await _is_whole(own)


async def test_nor_is_it_under_ones_own_name(own: Belongings, stranger: Client) -> None:
    found: dict[str, str] = {}
    for request in requests_about(own):
        if isinstance(request, (*NAMELESS, operations_pb2.StopTenantRequest)):
            continue
        forged = renamed(request, own.client.parent, stranger.parent)
        try:
            answers = await stranger.answers(forged)
        except RefusedError as refused:
            if refused.code is not grpc.StatusCode.NOT_FOUND:
                found[name_of(request)] = str(refused)
            continue
        shown = b"".join(one.SerializeToString() for one in answers).decode(errors="replace")
        if leaked := [one for one in (SHIBBOLETH, *own.names) if one in shown]:
            found[name_of(request)] = f"shows {leaked}"

    assert found == {}
    await _is_whole(own)


async def _is_whole(own: Belongings) -> None:
    """What a stranger tried has changed nothing."""
    reads = [
        one
        for one in requests_about(own)
        if METHODS_BY_REQUEST[one.DESCRIPTOR.full_name].name.startswith(("Get", "List", "Watch"))
        and not isinstance(one, NAMELESS)
    ]
    assert {name_of(one): await told(own.client, one) for one in reads} == {
        name_of(one): "OK" for one in reads
    }


async def test_without_a_credential_nothing_is_answered(own: Belongings) -> None:
    nobody = replace(own.client, key="")
    expected = {name_of(one): "UNAUTHENTICATED UNAUTHENTICATED" for one in requests_about(own)}

    assert {name_of(one): await told(nobody, one) for one in requests_about(own)} == expected


@pytest.mark.parametrize(
    "headers",
    [
        (("authorization", "Bearer "),),
        (("authorization", "Basic YWRhOmFkYQ=="),),
        (("authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),),
        (("x-api-key", "sk_" + "0" * 32 + "_" + "x" * 43),),
        (("x-api-key", "x" * 4000),),
        (("authorization", "Bearer a"), ("authorization", "Bearer b")),
    ],
    ids=["empty", "basic", "unsigned", "unknown", "long", "twice"],
)
async def test_a_bad_credential_is_none(
    own: Belongings, headers: tuple[tuple[str, str], ...]
) -> None:
    request = tenancy_pb2.GetTenantRequest(name=own.client.parent)

    with pytest.raises(RefusedError) as refused:
        await own.client.send(path_of(request), request.SerializeToString(), metadata=headers)

    assert refused.value.told == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_an_empty_request_names_the_fields_that_are_missing(own: Belongings) -> None:
    found: dict[str, str] = {}
    for request in requests_about(own):
        if isinstance(request, operations_pb2.GetServerInfoRequest):
            continue
        try:
            await own.client.answers(type(request)())
        except RefusedError as refused:
            if (refused.code, bool(refused.fields)) == (grpc.StatusCode.INVALID_ARGUMENT, True):
                continue
            found[name_of(request)] = str(refused)
        else:
            found[name_of(request)] = "OK"

    assert found == {}


async def test_bytes_that_are_no_message_are_refused_in_words(own: Belongings) -> None:
    found: dict[str, str] = {}
    for request in requests_about(own):
        streaming = METHODS_BY_REQUEST[request.DESCRIPTOR.full_name].server_streaming
        with pytest.raises(RefusedError) as refused:
            await own.client.send(path_of(request), b"\xff\xff\xff", streaming=streaming)
        found[name_of(request)] = refused.value.reason

    assert set(found.values()) == {"INVALID_ARGUMENT"}
    assert len(found) == len(METHODS_BY_REQUEST)


@pytest.mark.parametrize(
    "path",
    ["/somagent.memory.v1.MemoryService/Sleep", "/somagent.agent.v1.AgentService/Call", "/x"],
)
async def test_a_method_that_does_not_exist_is_not_implemented(own: Belongings, path: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await own.client.send(path, b"")

    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED


HOSTILE: Final[Mapping[int, Sequence[str | int | float]]] = {
    FieldDescriptor.CPPTYPE_STRING: (
        "\x00",
        "x" * 20_000,
        "\U0001f600\u202e\ufeff",
        "' or 1 = 1; drop table turns; --",
        "../../../etc/passwd",
        "tenants/-",
        "{{7*7}}${7*7}%s%n",
        "00000000-0000-0000-0000-000000000000",
    ),
    FieldDescriptor.CPPTYPE_INT32: (-1, -(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-1, -(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-1, 77, 2**31 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: (float("nan"), float("inf"), -1e308),
}


Change = Callable[[Message], None]


def spoilt(request: Message) -> Iterator[tuple[str, Message]]:
    """The request with one hostile value after another, in each of its fields."""
    for path, change in _changes(request, ()):
        other = type(request)()
        other.CopyFrom(request)
        change(other)
        yield path, other


def _changes(part: Message, path: tuple[str, ...]) -> Iterator[tuple[str, Change]]:
    for field in part.DESCRIPTOR.fields:
        if field.is_repeated or field.type == FieldDescriptor.TYPE_BYTES:
            continue
        inner = getattr(part, field.name)
        if isinstance(inner, Message):
            yield from _changes(inner, (*path, field.name))
            continue
        for value in HOSTILE.get(field.cpp_type, ()):
            place = (*path, field.name)
            yield f"{'.'.join(place)}={value!s:.20}", partial(_put, place, value)


def _put(place: tuple[str, ...], value: str | float, message: Message) -> None:
    part: object = message
    for step in place[:-1]:
        part = getattr(part, step)
    setattr(part, place[-1], value)


async def test_no_value_of_any_field_breaks_anything(own: Belongings, stage: Stage) -> None:
    operator = Client(stage.channel, "platform", stage.operator.key)
    broken: list[str] = []
    for request in requests_about(own):
        caller = operator if isinstance(request, NAMELESS) else own.client
        if isinstance(request, operations_pb2.StopTenantRequest):
            continue
        for change, other in spoilt(request):
            found = await told(caller, other)
            code, _, reason = found.partition(" ")
            if code in {"INTERNAL", "UNKNOWN"} or (code != "OK" and not reason):
                broken.append(f"{name_of(request)} {change}: {found}")

    assert broken == []


def _collection(request: Message) -> str:
    """Of what kind the thing is that a request is about."""
    for field in ("name", "parent", "turn", "session", "reservation"):
        if field in request.DESCRIPTOR.fields_by_name:
            value = getattr(request, field)
            if isinstance(value, str) and value.startswith("tenants/"):
                return value.split("/")[-2]
    raise AssertionError(request)
