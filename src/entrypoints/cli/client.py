"""A client of the API: one channel, one key, every error read."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeVar

import grpc
import orjson

from application.kernel.ports import IdentifierSource
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.refusals import failure_of, refusal_in
from somagent.budget.v1.budget_pb2_grpc import BudgetServiceStub
from somagent.capsule.v1.capsule_pb2_grpc import CapsuleServiceStub
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent.operations.v1.operations_pb2_grpc import OperationsServiceStub
from somagent.provenance.v1.provenance_pb2_grpc import ProvenanceServiceStub
from somagent.tenancy.v1.tenancy_pb2_grpc import TenancyServiceStub
from somagent.tools.v1.tools_pb2_grpc import ToolServiceStub

if TYPE_CHECKING:  # generic in its stubs alone
    from grpc.aio import UnaryStreamCall, UnaryStreamMultiCallable, UnaryUnaryMultiCallable

UNARY_SECONDS: Final = 30.0
TURN_SECONDS: Final = 300.0
"""The longest a turn may take, and with it the deadline of a stream."""

SERVICE_CONFIG: Final = orjson.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.2s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
).decode()
"""Only UNAVAILABLE is retried by itself."""

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the server is and who calls.

    `authority` is the content of a PEM file; empty trusts the system's. Without `plaintext` the
    connection is encrypted, save to this machine itself.
    """

    address: str
    key: str = field(default="", repr=False)
    plaintext: bool = False
    authority: bytes = b""

    @property
    def encrypted(self) -> bool:
        return bool(self.authority) or not (self.plaintext or is_local(self.address))


def is_local(address: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Client:
    """Calls of the API through one channel."""

    def __init__(
        self, channel: grpc.aio.Channel, target: Target, identifiers: IdentifierSource
    ) -> None:
        self.target = target
        self.budget = BudgetServiceStub(channel)
        self.capsules = CapsuleServiceStub(channel)
        self.conversation = ConversationServiceStub(channel)
        self.operations = OperationsServiceStub(channel)
        self.provenance = ProvenanceServiceStub(channel)
        self.tenancy = TenancyServiceStub(channel)
        self.tools = ToolServiceStub(channel)
        self._identifiers = identifiers
        self._metadata = (("authorization", f"Bearer {target.key}"),) if target.key else ()

    def request_id(self) -> str:
        """Names one intent, so that repeating it changes nothing."""
        return str(self._identifiers.next())

    async def ask(self, method: "UnaryUnaryMultiCallable[Q, A]", request: Q) -> A:
        """One call and its answer.

        Raises:
            CommandFailedError: The server refused, or none answers.
        """
        try:
            return await method(request, timeout=UNARY_SECONDS, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise self.failure(error) from error

    def stream(
        self, method: "UnaryStreamMultiCallable[Q, A]", request: Q
    ) -> "UnaryStreamCall[Q, A]":
        """A call with many answers; its errors come raw, for whoever knows how to go on."""
        return method(request, timeout=TURN_SECONDS, metadata=self._metadata)

    def failure(self, error: grpc.aio.AioRpcError) -> CommandFailedError:
        return failure_of(refusal_in(error), self.target.address)


@asynccontextmanager
async def open_client(target: Target, identifiers: IdentifierSource) -> AsyncGenerator[Client]:
    """A client until the end of the block. Nothing is sent before its first call."""
    options = (("grpc.service_config", SERVICE_CONFIG), ("grpc.enable_retries", 1))
    if target.encrypted:
        try:
            credentials = grpc.ssl_channel_credentials(target.authority or None)
        except ValueError as error:
            raise CommandFailedError(
                "the certificates of --ca cannot be read",
                "give a PEM file with the certificate of the server's authority",
                code=ExitCode.USAGE,
            ) from error
        channel = grpc.aio.secure_channel(target.address, credentials, options)
    else:
        channel = grpc.aio.insecure_channel(target.address, options)
    async with channel:
        yield Client(channel, target, identifiers)
