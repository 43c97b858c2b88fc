"""How requests are read, before anything is done for them."""

import pytest
from google.protobuf.message import Message
from protovalidate import Validator

from entrypoints.grpc.methods import methods
from entrypoints.grpc.refusals import MessageTooLargeError, RequestInvalidError
from entrypoints.grpc.requests import RequestReader, Unreadable, reading
from somagent.capsule.v1 import capsule_pb2
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.operations.v1 import operations_pb2
from tests.unit.entrypoints.grpc.rig import REQUEST

METHODS = methods()
READER = RequestReader(METHODS, Validator())
SESSION = f"tenants/acme/sessions/{REQUEST}"


def message(text: str = "hello") -> pb.ProcessMessageRequest:
    return pb.ProcessMessageRequest(session=SESSION, text=text, request_id=REQUEST)


def test_a_good_request_gives_its_names() -> None:
    request = message()

    assert READER.names_in(request, READER.method_of(request)) == [SESSION]


def test_each_wrong_field_is_named_by_its_path() -> None:
    request = pb.CreateSessionRequest(parent="x", session=pb.Session(capsule="y", max_waiting=-1))

    with pytest.raises(RequestInvalidError) as refused:
        READER.names_in(request, READER.method_of(request))

    assert [one.field for one in refused.value.violations] == [
        "parent",
        "session.capsule",
        "session.max_waiting",
        "request_id",
    ]


@pytest.mark.parametrize("text", ["", "a\x00b"])
def test_an_empty_message_and_one_with_nul_are_refused(text: str) -> None:
    request = message(text=text)

    with pytest.raises(RequestInvalidError) as refused:
        READER.names_in(request, READER.method_of(request))

    assert [one.field for one in refused.value.violations] == ["text"]


def test_a_message_that_is_too_long_has_a_reason_of_its_own() -> None:
    request = message(text="x" * 1_048_577)

    with pytest.raises(MessageTooLargeError):
        READER.names_in(request, READER.method_of(request))


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05abc", b"\x0a\x02\xff\xfe"])
def test_bytes_that_are_no_message_are_kept_for_a_refusal(data: bytes) -> None:
    method = READER.method_of(message())

    read = reading(pb.ProcessMessageRequest, method)(data)

    assert isinstance(read, Unreadable)
    assert READER.method_of(read) is method
    with pytest.raises(RequestInvalidError):
        READER.names_in(read, method)


def test_bytes_of_a_message_are_read() -> None:
    request = message()

    read = reading(pb.ProcessMessageRequest, READER.method_of(request))(request.SerializeToString())

    assert read == request


@pytest.mark.parametrize(
    ("request_of_a_name", "form"),
    [
        (
            operations_pb2.GetDeadLetterRequest(name="tenants/acme/deadLetters/x"),
            "tenants/{tenant}/deadLetters/{dead letter}",
        ),
        (
            pb.GetTurnRequest(name="tenants/acme/sessions/x/turns/y"),
            "tenants/{tenant}/sessions/{session}/turns/{turn}",
        ),
        (
            capsule_pb2.ActivateCapsuleRequest(name="tenants/acme/capsules/greeter/versions/one"),
            "tenants/{tenant}/capsules/{capsule}/versions/{version}",
        ),
        (pb.ListSessionsRequest(parent="acme"), "tenants/{tenant}"),
        (
            operations_pb2.ReplayEventsRequest(parent="tenants/acme", key="tenants/acme/x"),
            "tenants/{tenant}/sessions/{session}, or of another collection",
        ),
    ],
)
def test_a_wrong_name_is_told_by_the_form_of_names(request_of_a_name: Message, form: str) -> None:
    with pytest.raises(RequestInvalidError) as refused:
        READER.names_in(request_of_a_name, READER.method_of(request_of_a_name))

    told = [one.description for one in refused.value.violations]
    assert f"is not a name of the form {form}" in told
