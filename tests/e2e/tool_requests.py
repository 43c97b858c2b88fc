"""A good request for every method about tools and their calls."""

from google.protobuf.message import Message

from somagent.tools.v1 import tools_pb2 as pb
from tests.system.client import request_id


def tool_requests(parent: str, invocation: str, waiting: str, unknown: str) -> list[Message]:
    """About calls of the parent: one that ended, one that waits, one of unknown outcome."""
    return [
        pb.ListToolsRequest(parent=parent),
        pb.ExecuteToolRequest(
            parent=parent,
            tool="arithmetic",
            arguments='{"expression": "2 + 2"}',
            request_id=request_id(),
        ),
        pb.GetInvocationRequest(name=invocation),
        pb.ListInvocationsRequest(parent=parent),
        pb.ListPendingApprovalsRequest(parent=parent),
        pb.ApproveInvocationRequest(name=waiting, request_id=request_id()),
        pb.RejectInvocationRequest(name=waiting, request_id=request_id()),
        pb.ResolveInvocationRequest(
            name=unknown,
            outcome=pb.INVOCATION_OUTCOME_FAILED,
            note="looked it up",
            request_id=request_id(),
        ),
    ]
