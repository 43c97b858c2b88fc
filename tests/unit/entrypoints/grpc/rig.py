"""A memory service of its own on a real port, behind the real admission."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from protovalidate import Validator

from adapters.inmemory.durable_clock import InMemoryClock
from adapters.local.no_tokens import NoTokens
from adapters.local.rate_limits import LocalRateLimits, RateTerms
from application.authorization.authorize import Authorize
from application.authorization.role_authorizer import RoleAuthorizer
from application.identity.authenticate import Authenticate, KnownCredentials
from application.identity.ports import KeyHolder
from application.kernel.timed_cache import TimedCache
from domain.kernel.identifiers import KeyId, TenantId
from domain.tenancy.api_key import ApiKey, digest_of, secret_of
from domain.tenancy.plan import Plan
from domain.tenancy.tenant import PLATFORM_SLUG, PLATFORM_TENANT_ID, Tenant
from entrypoints.grpc.admission import Admission, Room, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.caller import Caller, EndedCall
from entrypoints.grpc.errors import STATUS_DETAILS
from entrypoints.grpc.methods import methods
from entrypoints.grpc.requests import RequestReader
from entrypoints.grpc.server import ApiServer, TlsMaterial, api_server
from entrypoints.settings.serving import ServerSettings
from somagent.memory.v1 import memory_pb2 as pb
from tests.builders import TENANT
from tests.fakes import NOON, StoppedClock

MEMORY: Final = "somagent.memory.v1.MemoryService"
REQUEST: Final = "0198f2a0-0000-7000-8000-000000000001"
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

METHODS: Final = methods()


@dataclass(slots=True)
class Told:
    """Keeps what it is told of calls; `heard` is set with each."""

    calls: list[EndedCall] = field(default_factory=list[EndedCall])
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def began(self, traceparent: str) -> str:
        return traceparent or TRACE

    def ended(self, call: EndedCall) -> None:
        self.calls.append(call)
        self.heard.set()


@dataclass(slots=True)
class KeyRing:
    """Keys and tenants in memory."""

    holders: dict[KeyId, KeyHolder] = field(default_factory=dict[KeyId, KeyHolder])
    tenants: dict[str, Tenant] = field(default_factory=dict[str, Tenant])

    async def holder(self, key_id: KeyId) -> KeyHolder | None:
        return self.holders.get(key_id)

    async def tenant(self, slug: str) -> Tenant | None:
        return self.tenants.get(slug)

    def key(self, tenant_id: TenantId, slug: str, *roles: str) -> str:
        """A new key of a tenant; gives its secret."""
        tenant = self.tenants.setdefault(
            slug,
            Tenant(id=tenant_id, slug=slug, display_name=slug, plan=Plan.TEAM, created_at=NOON),
        )
        key_id = KeyId(UUID(int=len(self.holders) + 1))
        secret = secret_of(key_id, "x" * 43)
        key = ApiKey(
            id=key_id,
            tenant_id=tenant.id,
            subject="ada",
            display_name="a key",
            roles=frozenset(roles),
            scopes=frozenset(),
            digest=digest_of(secret),
            creator="eve",
            created_at=NOON,
        )
        self.holders[key_id] = KeyHolder(key, tenant)
        return secret


@dataclass(slots=True)
class Rig:
    """What a test needs: the admission, what was told of calls, and keys."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    told: Told = field(default_factory=Told)
    ring: KeyRing = field(default_factory=KeyRing)
    room: Room = field(default_factory=lambda: Room(calls=8, calls_of_a_tenant=4))
    admission: Admission = field(init=False)
    member: str = field(init=False)
    operator: str = field(init=False)

    def __post_init__(self) -> None:
        self.member = self.ring.key(TENANT, "acme", "member")
        self.operator = self.ring.key(PLATFORM_TENANT_ID, PLATFORM_SLUG, "operator")
        self.admission = Admission(
            authenticate=Authenticate(
                tokens=NoTokens(),
                credentials=self.ring,
                rate_limits=LocalRateLimits(RateTerms(capacity=1e6), self.clock),
                clock=self.clock,
                times=InMemoryClock(self.clock),
                known=KnownCredentials(
                    tokens=TimedCache(self.clock, seconds=5, capacity=16),
                    holders=TimedCache(self.clock, seconds=5, capacity=16),
                    tenants=TimedCache(self.clock, seconds=5, capacity=16),
                ),
            ),
            authorize=Authorize(authorizer=RoleAuthorizer()),
            tenants=self.ring,
            clock=self.clock,
            observer=self.told,
            requests=RequestReader(METHODS, Validator()),
            room=self.room,
        )


class Memories:
    """Does what it is told before it answers, or fails; remembers who called."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.callers: list[Caller] = []
        self.before: Callable[[], Awaitable[object]] | None = None
        self.error: Exception | None = None

    async def Recall(self, request: pb.RecallRequest, context: Call) -> pb.RecallResponse:  # noqa: N802 - protoc names the methods
        async with answering(self._admission, context, request) as caller:
            self.callers.append(caller)
            if self.error is not None:
                raise self.error
            if self.before is not None:
                await self.before()
            return pb.RecallResponse()

    async def Remember(self, request: pb.RememberRequest, context: Call) -> pb.RememberResponse:  # noqa: N802 - protoc names the methods
        async with answering(self._admission, context, request) as caller:
            self.callers.append(caller)
            return pb.RememberResponse()

    async def Forget(self, request: pb.ForgetRequest, context: Call) -> pb.ForgetResponse:  # noqa: N802 - protoc names the methods
        async with answering(self._admission, context, request) as caller:
            self.callers.append(caller)
            return pb.ForgetResponse()


@asynccontextmanager
async def serving(
    rig: Rig, settings: ServerSettings | None = None, tls: TlsMaterial | None = None
) -> AsyncGenerator[tuple[Memories, ApiServer]]:
    """The rig's memory service on a free port of this machine."""
    chosen = settings or ServerSettings(address="127.0.0.1:0")
    memories = Memories(rig.admission)
    async with api_server(chosen, {MEMORY: memories}, METHODS, tls) as server:
        await server.start()
        yield memories, server


async def call(
    channel: grpc.aio.Channel,
    request: Message,
    *,
    key: str = "",
    method: str = "Recall",
    timeout: float | None = None,  # noqa: ASYNC109 - the deadline of a call
    headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Call a method, of the memory service by default; gives the answer's bytes."""
    metadata = (("authorization", f"Bearer {key}"), *headers) if key else headers
    stub = channel.unary_unary(
        f"/{method}" if "/" in method else f"/{MEMORY}/{method}",
        request_serializer=_bytes_of,
        response_deserializer=bytes,
    )
    return await stub(request, metadata=metadata, timeout=timeout)


def _bytes_of(message: Message) -> bytes:
    return message.SerializeToString()


def status_in(error: grpc.aio.AioRpcError) -> Status:
    """The google.rpc.Status that came with an error."""
    trailers = dict(error.trailing_metadata())
    details = trailers[STATUS_DETAILS]
    assert isinstance(details, bytes)
    return Status.FromString(details)


def reason_in(error: grpc.aio.AioRpcError) -> str:
    """The reason in the ErrorInfo of an error."""
    info = ErrorInfo()
    status_in(error).details[0].Unpack(info)
    return info.reason
