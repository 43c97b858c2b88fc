"""The client: one caller of one tenant, at whichever of its servers answers."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar, final

import grpc

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent.provenance.v1.provenance_pb2 import GetReceiptRequest, Receipt
from somagent.provenance.v1.provenance_pb2_grpc import ProvenanceServiceStub
from somagent.tools.v1.tools_pb2 import ApproveInvocationRequest, RejectInvocationRequest
from somagent.tools.v1.tools_pb2_grpc import ToolServiceStub
from somagent_client.calls import CALL_SECONDS, TURN_SECONDS, Calls
from somagent_client.retrying import SERVICE_CONFIG, RetryPolicy, policy_of
from somagent_client.servers import Server, Servers, Transport
from somagent_client.session import Session
from somagent_client.turn import Turn

if TYPE_CHECKING:  # generic in its stubs alone
    from grpc.aio import UnaryUnaryMultiCallable

TRANSPORT: Final = Transport()
POLICY: Final = policy_of(SERVICE_CONFIG)

Q = TypeVar("Q")
A = TypeVar("A")


@final
class SomaAgent:
    """A client of the SomaGent API, for one event loop.

    `servers` are addresses, `host:port`, separated by commas: servers of one service, the preferred
    one first. `key` is an API key or a bearer token of the tenant. What is UNAVAILABLE is tried
    again, with the next server, until a call's time is over; every other refusal is raised at once.
    """

    def __init__(
        self,
        servers: str,
        *,
        tenant: str,
        key: str,
        transport: Transport = TRANSPORT,
        policy: RetryPolicy = POLICY,
    ) -> None:
        addresses = [one.strip() for one in servers.split(",") if one.strip()]
        if not addresses:
            raise ValueError("name at least one server: host:port")
        self.parent = f"tenants/{tenant}"
        """The tenant's resource name, which those of all that it has begin with."""
        self._calls = Calls(
            Servers([Server(one, transport.channel(one)) for one in addresses], policy),
            (("authorization", f"Bearer {key}"),),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; calls that are open end."""
        await self._calls.servers.close()

    async def create_session(
        self,
        *,
        capsule: str,
        busy_policy: "pb.BusyPolicy.ValueType" = pb.BUSY_POLICY_UNSPECIFIED,
        max_waiting: int | None = None,
    ) -> Session:
        """Open a session with a capsule of the tenant, given by its id.

        Raises:
            RefusedError: There is no such capsule, no room for a session, or no permission.
        """
        session = pb.Session(
            capsule=f"{self.parent}/capsules/{capsule}",
            busy_policy=busy_policy,
            max_waiting=max_waiting,
        )
        request = pb.CreateSessionRequest(
            parent=self.parent, session=session, request_id=self._calls.request_id()
        )
        answer = await self.call(lambda on: ConversationServiceStub(on).CreateSession, request)
        return self.session(answer.session.name)

    def session(self, name: str) -> Session:
        """A session that is there, by its resource name."""
        return Session(name, self._calls)

    def turn(self, name: str, *, after_sequence: int = 0, seconds: float = TURN_SECONDS) -> Turn:
        """A turn that is there, by its resource name, from the event after that number on."""
        return Turn(self._calls, seconds, name=name, after_sequence=after_sequence)

    async def approve(self, invocation: str) -> None:
        """Say yes to a call that waits for a person, with exactly its arguments.

        Raises:
            RefusedError: It does not wait any more, or the caller may not.
        """
        request = ApproveInvocationRequest(name=invocation, request_id=self._calls.request_id())
        await self.call(lambda on: ToolServiceStub(on).ApproveInvocation, request)

    async def reject(self, invocation: str) -> None:
        """Say no to a call that waits for a person.

        Raises:
            RefusedError: It does not wait any more, or the caller may not.
        """
        request = RejectInvocationRequest(name=invocation, request_id=self._calls.request_id())
        await self.call(lambda on: ToolServiceStub(on).RejectInvocation, request)

    async def receipt(self, record: str) -> Receipt:
        """The sealed receipt of a record: of an `Answer.record`, for example.

        Raises:
            RefusedError: There is no such record.
        """
        request = GetReceiptRequest(name=record)
        return (await self.call(lambda on: ProvenanceServiceStub(on).GetReceipt, request)).receipt

    async def call(
        self,
        method: Callable[[grpc.aio.Channel], "UnaryUnaryMultiCallable[Q, A]"],
        request: Q,
        seconds: float = CALL_SECONDS,
    ) -> A:
        """Any method of the API that has one answer.

        `method` takes it from the stub of its service: `lambda on: BudgetServiceStub(on).GetUsage`.
        A mutation needs a `request_id` in its request: the call may be repeated.

        Raises:
            RefusedError: The server refused, or none answered in time.
        """
        return await self._calls.ask(method, request, seconds)
