"""How requests are read, before anything is done for them."""

import pytest
from protovalidate import Validator

from entrypoints.grpc.methods import methods
from entrypoints.grpc.refusals import MessageTooLargeError, RequestInvalidError
from entrypoints.grpc.requests import RequestReader, Unreadable, reading
from somagent.conversation.v1 import conversation_pb2 as pb
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
