"""What a client is told when a call is refused."""

from collections.abc import Awaitable
from typing import TypeVar

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

T = TypeVar("T")


async def reason_of(call: Awaitable[T]) -> str:
    """The reason in the ErrorInfo of a call that must be refused."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason_in(error.value)


def reason_in(error: grpc.aio.AioRpcError) -> str:
    """The reason in the ErrorInfo of an error."""
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    info = ErrorInfo()
    Status.FromString(details).details[0].Unpack(info)
    return info.reason
