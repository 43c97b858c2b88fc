"""What every call passes before its use case, and how it is answered when it is refused."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, final

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from application.authorization.authorize import Authorize, AuthorizeQuery
from application.identity.authenticate import Authenticate, AuthenticateQuery
from application.identity.ports import Credentials
from application.kernel.ports import Clock
from domain.authorization.rule import is_operator
from domain.identity.errors import TenantSuspendedError
from domain.kernel.errors import DomainError
from domain.kernel.identifiers import TenantId
from domain.kernel.principal import Principal
from domain.tenancy.errors import TenantNotFoundError
from domain.tenancy.tenant import Standing
from entrypoints.grpc.arriving import TRACE, Arrival, Call, Came, metadata_of
from entrypoints.grpc.caller import Caller, CallObserver, EndedCall
from entrypoints.grpc.errors import code_of, defect_status, status_of, trailers_of
from entrypoints.grpc.foreign import not_found
from entrypoints.grpc.methods import Method
from entrypoints.grpc.names import ALL_TENANTS, tenant_name, tenant_of
from entrypoints.grpc.refusals import INTERNAL, OverloadedError, ShuttingDownError
from entrypoints.grpc.requests import RequestReader
from entrypoints.trace_context import TRACEPARENT

STOPPED_SECONDS: Final = 10.0
"""Longer than any process remembers that a tenant was active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many calls may be in flight: in this process, and of one tenant."""

    calls: int
    calls_of_a_tenant: int


@final
@dataclass(slots=True, kw_only=True)
class Admission:
    """Sheds load, authenticates, validates and authorizes, in this order, and counts what is on.

    A tenant cannot take the whole room: its own bound is lower.
    """

    authenticate: Authenticate
    authorize: Authorize
    tenants: Credentials
    clock: Clock
    observer: CallObserver
    requests: RequestReader
    room: Room
    in_flight: int = field(default=0, init=False)
    draining: bool = field(default=False, init=False)
    of_tenants: Counter[str] = field(default_factory=Counter[str], init=False)
    stopped: dict[TenantId, float] = field(default_factory=dict[TenantId, float], init=False)

    def drain(self) -> None:
        """Begin no more calls; those in flight go on."""
        self.draining = True

    def shut_out(self, tenant_id: TenantId) -> None:
        """Refuse a tenant that was stopped here, at once: what is remembered of it is older."""
        self.stopped[tenant_id] = self.clock.monotonic() + STOPPED_SECONDS

    async def admit(self, request: Message, call: Call, entry: "Entry") -> Caller:
        """Let a call in, or refuse it before any work is done for it."""
        if self.draining:
            raise ShuttingDownError
        if self.in_flight > self.room.calls:
            raise OverloadedError
        principal = await self.authenticate(
            AuthenticateQuery(
                authorization=entry.metadata.get("authorization", ""),
                api_key=entry.metadata.get("x-api-key", ""),
            )
        )
        entry.knows(principal)
        self._check_stopped(principal)
        if self.of_tenants[principal.tenant] >= self.room.calls_of_a_tenant:
            raise OverloadedError
        self.of_tenants[principal.tenant] += 1
        entry.counted = principal.tenant
        names = self.requests.names_in(request, entry.method)
        return await self._permitted(principal, names, entry, _seconds_left(call))

    async def admit_message(self, request: Message, principal: Principal, came: Came) -> Caller:
        """Let a request in that came as a message of a topic, as a call of its method would be.

        It is shed like a call while this process has too many, and counts for none itself.
        """
        if self.draining:
            raise ShuttingDownError
        if self.in_flight > self.room.calls:
            raise OverloadedError
        self._check_stopped(principal)
        names = self.requests.names_in(request, came.method)
        return await self._permitted(principal, names, came, None)

    def release(self, counted: str) -> None:
        """A call has ended; `counted` is the tenant it was counted for, where it came so far."""
        self.in_flight -= 1
        if not counted:
            return
        if self.of_tenants[counted] > 1:
            self.of_tenants[counted] -= 1
        else:
            del self.of_tenants[counted]

    def _check_stopped(self, principal: Principal) -> None:
        until = self.stopped.get(principal.tenant_id)
        if until is None:
            return
        if self.clock.monotonic() < until:
            raise TenantSuspendedError(principal.tenant, Standing.STOPPED.name.lower())
        del self.stopped[principal.tenant_id]

    async def _permitted(
        self, principal: Principal, names: list[str], came: Arrival, seconds: float | None
    ) -> Caller:
        resource = _resource(principal, names, came.method)
        permit = await self.authorize(
            AuthorizeQuery(
                principal=principal, permission=came.method.permission, resource=resource
            )
        )
        slug = tenant_of(resource) if resource else principal.tenant
        tenant_id = principal.tenant_id
        if slug != principal.tenant:
            tenant_id = await self._tenant(slug)
        return Caller(
            principal=principal,
            tenant_id=tenant_id,
            tenant=slug,
            permit=permit,
            method=came.method.name,
            received_at=came.received_at,
            seconds=seconds,
            traceparent=came.traceparent,
        )

    async def _tenant(self, slug: str) -> TenantId:
        tenant = await self.tenants.tenant(slug)
        if tenant is None:
            raise TenantNotFoundError(slug)
        return tenant.id


@final
class Entry(AbstractAsyncContextManager[Caller]):
    """One call on its way through: entered when it is admitted, left when it is answered."""

    __slots__ = (
        "_admission",
        "_call",
        "_request",
        "counted",
        "ended",
        "metadata",
        "method",
        "received_at",
    )

    def __init__(self, admission: Admission, call: Call, request: Message) -> None:
        self._admission = admission
        self._call = call
        self._request = request
        self.method: Method = admission.requests.method_of(request)
        self.received_at = admission.clock.monotonic()
        self.counted = ""
        self.metadata = metadata_of(call)
        parent = self.metadata.get(TRACE, "")
        self.ended = EndedCall(
            method=self.method.name,
            parent=parent,
            traceparent=admission.observer.began(parent),
        )

    @property
    def traceparent(self) -> str:
        return self.ended.traceparent

    def knows(self, principal: Principal) -> None:
        self.ended.tenant = principal.tenant
        self.ended.subject = principal.subject

    async def __aenter__(self) -> Caller:
        self._admission.in_flight += 1
        TRACEPARENT.set(self.ended.traceparent)
        try:
            return await self._admission.admit(self._request, self._call, self)
        except BaseException as error:
            await self._leave(error)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._leave(error)

    async def _leave(self, error: BaseException | None) -> None:
        status = self._judge(error)
        admission = self._admission
        admission.release(self.counted)
        self.ended.seconds = admission.clock.monotonic() - self.received_at
        admission.observer.ended(self.ended)
        if error is not None and status is not None:
            trailers = trailers_of(status, error)
            await self._call.abort(_CODES[status.code], status.message, trailers)

    def _judge(self, error: BaseException | None) -> Status | None:
        """What is told of an error; nothing where there is none or the caller has gone."""
        if error is None:
            return None
        ended = self.ended
        if isinstance(error, DomainError):
            ended.code, ended.reason = code_of(error).name, error.reason
            return status_of(error)
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            late = _seconds_left(self._call) == 0
            ended.code = "DEADLINE_EXCEEDED" if late else "CANCELLED"
            return None
        ended.code, ended.reason, ended.defect = "INTERNAL", INTERNAL, error
        return (
            defect_status(ended.traceparent.split("-")[1]) if isinstance(error, Exception) else None
        )


def answering(
    admission: Admission, call: Call, request: Message
) -> AbstractAsyncContextManager[Caller]:
    """Admit a call, and answer what its use case refuses with a status of its own.

    The first statement of every RPC. A defect is answered with INTERNAL and told to the log alone.
    """
    return Entry(admission, call, request)


_CODES: Final[Mapping[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}


def _resource(principal: Principal, names: list[str], method: Method) -> str:
    """What the call is about, by name; empty for the service as a whole.

    What belongs to another tenant is, for all but the platform's operators, not there.
    """
    if not names:
        return "" if method.service_wide else tenant_name(principal.tenant)
    about = names[0]
    if about == ALL_TENANTS:
        return ""
    owner = tenant_name(tenant_of(about) if is_operator(principal) else principal.tenant)
    for name in names:
        if name != owner and not name.startswith(f"{owner}/"):
            raise not_found(name)
    return about


def _seconds_left(call: Call) -> float | None:
    """What is left of the caller's deadline; None where it set none, whatever the stubs say."""
    return call.time_remaining()
