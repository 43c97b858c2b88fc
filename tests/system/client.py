"""A client of the public API: a key, a channel, and every method by the type of its request."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar
from uuid import uuid1

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from entrypoints.grpc.errors import STATUS_DETAILS
from entrypoints.grpc.handlers import SERVICES

M = TypeVar("M", bound=Message)

METHODS_BY_REQUEST: Final = {
    method.input_type.full_name: method
    for service in SERVICES.values()
    for method in service.methods
}
"""Every method of the contract by the full name of its request."""

PATIENCE_SECONDS: Final = 240.0
"""Far more than anything takes on a slow machine: a test that waits this long has failed."""

AGAIN_SECONDS: Final = 0.1

OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Without it channels to one address share a connection, and its state after a crash.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # A status that has come is seen by the caller, whatever the retry policy.
    ("grpc.enable_retries", 0),
)


class RefusedError(Exception):
    """How a call was refused, its details read; `reason` is empty where gRPC itself refused."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        facts: Mapping[str, str] | None = None,
        fields: Sequence[str] = (),
    ) -> None:
        super().__init__(f"{code.name} {reason}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.facts = facts or {}
        self.fields = fields

    @property
    def told(self) -> tuple[grpc.StatusCode, str]:
        return self.code, self.reason


def request_id() -> str:
    """A new one."""
    return str(uuid1())


@dataclass(frozen=True, slots=True)
class Client:
    """Calls as whoever has the key, for a tenant.

    A receipt is asked for again while it is not sealed. Who is `patient` also asks again, by the
    same request id, while the server waits for its database.
    """

    channel: grpc.aio.Channel
    tenant: str = ""
    key: str = ""
    patient: bool = False

    @property
    def parent(self) -> str:
        return f"tenants/{self.tenant}"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-api-key", self.key),) if self.key else ()

    async def ask(self, request: Message, kind: type[M], seconds: float = PATIENCE_SECONDS) -> M:
        """Call the method that takes the request.

        Raises:
            RefusedError: It was refused.
        """
        call = self.channel.unary_unary(
            path_of(request),
            request_serializer=_bytes_of,
            response_deserializer=kind.FromString,
        )
        until = monotonic() + seconds
        while True:
            try:
                return await call(request, metadata=self.metadata, timeout=seconds)
            except grpc.aio.AioRpcError as error:
                refused = refusal_of(error)
                if not self._waits(refused, until):
                    raise refused from error
            await asyncio.sleep(AGAIN_SECONDS)

    async def answers(self, request: Message) -> list[Message]:
        """Every answer of whatever method takes the request: one, where it does not stream.

        Raises:
            RefusedError: It was refused.
        """
        method = METHODS_BY_REQUEST[request.DESCRIPTOR.full_name]
        kind = GetMessageClass(method.output_type)
        if not method.server_streaming:
            return [await self.ask(request, kind)]
        return [one async for one in self.stream(request, kind)]

    async def stream(
        self, request: Message, kind: type[M], seconds: float = PATIENCE_SECONDS
    ) -> AsyncGenerator[M]:
        """Call the streaming method that takes the request; closing the stream cancels the call.

        Raises:
            RefusedError: It was refused.
        """
        method = self.channel.unary_stream(
            path_of(request),
            request_serializer=_bytes_of,
            response_deserializer=kind.FromString,
        )
        until, begun = monotonic() + seconds, False
        while True:
            call = method(request, metadata=self.metadata, timeout=seconds)
            try:
                async for answer in call:
                    begun = True
                    yield answer
            except grpc.aio.AioRpcError as error:
                refused = refusal_of(error)
                if begun or not self._waits(refused, until):
                    raise refused from error
            else:
                return
            finally:
                call.cancel()
            await asyncio.sleep(AGAIN_SECONDS)

    def _waits(self, refused: RefusedError, until: float) -> bool:
        away = self.patient and refused.reason == "DATABASE_UNAVAILABLE"
        return (away or refused.reason == "RECORD_NOT_SEALED") and monotonic() <= until

    async def send(
        self,
        path: str,
        data: bytes,
        *,
        streaming: bool = False,
        metadata: tuple[tuple[str, str], ...] | None = None,
    ) -> None:
        """Send bytes to a method, be they a request or not, and take its first answer.

        Raises:
            RefusedError: It was refused.
        """
        shown = self.metadata if metadata is None else metadata
        try:
            if streaming:
                stream = self.channel.unary_stream(
                    path, request_serializer=bytes, response_deserializer=bytes
                )
                await anext(aiter(stream(data, metadata=shown)))
            else:
                unary = self.channel.unary_unary(
                    path, request_serializer=bytes, response_deserializer=bytes
                )
                await unary(data, metadata=shown)
        except grpc.aio.AioRpcError as error:
            raise refusal_of(error) from error


def path_of(request: Message) -> str:
    """The path of the method that takes a request."""
    method = METHODS_BY_REQUEST[request.DESCRIPTOR.full_name]
    return f"/{method.containing_service.full_name}/{method.name}"


def connect(address: str, tenant: str = "", key: str = "") -> Client:
    """A client with a channel of its own."""
    return Client(grpc.aio.insecure_channel(address, options=OPTIONS), tenant, key)


def refusal_of(error: grpc.aio.AioRpcError) -> RefusedError:
    """What the details of an error say."""
    trailers = dict(error.trailing_metadata() or ())
    message = str(error.details())
    found = trailers.get(STATUS_DETAILS)
    if not isinstance(found, bytes):
        return RefusedError(error.code(), message)
    info, bad = ErrorInfo(), BadRequest()
    for detail in Status.FromString(found).details:
        for part in (info, bad):
            if detail.Is(part.DESCRIPTOR):
                detail.Unpack(part)
    fields = [one.field for one in bad.field_violations]
    return RefusedError(error.code(), message, info.reason, dict(info.metadata), fields)


def _bytes_of(message: Message) -> bytes:
    return message.SerializeToString()
