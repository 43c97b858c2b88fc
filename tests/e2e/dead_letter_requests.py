"""A good request for every method about dead letters."""

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from somagent.operations.v1 import operations_pb2 as pb
from tests.system.client import request_id


def dead_letter_requests(parent: str, letter: str) -> list[Message]:
    """About one letter of the parent; none was sent yet."""
    return [
        pb.ListDeadLettersRequest(parent=parent),
        pb.GetDeadLetterRequest(name=letter),
        pb.UpdateDeadLetterRequest(
            name=letter,
            payload=b"mended",
            update_mask=FieldMask(paths=["payload"]),
            request_id=request_id(),
        ),
        pb.ReplayDeadLettersRequest(parent=parent, names=[letter], request_id=request_id()),
        pb.ReplayEventsRequest(parent=parent, request_id=request_id()),
        pb.DiscardDeadLettersRequest(
            parent=parent, names=[letter], note="a test", request_id=request_id()
        ),
    ]
