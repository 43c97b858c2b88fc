"""Request ids of methods whose use cases may be repeated by themselves."""

from dataclasses import dataclass
from typing import final

from google.protobuf.message import Message

from application.kernel.ports import RequestClaims
from domain.kernel.identifiers import RequestId
from domain.kernel.request_key import RequestKey
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.requests import content_digest


@final
@dataclass(frozen=True, slots=True)
class RequestIds:
    """Each id stands for one content of one caller and method, whatever becomes of the call."""

    claims: RequestClaims

    async def claim(self, caller: Caller, request: Message, request_id: str) -> str:
        """Let the id stand for this request; what was noted under it, empty where it is new.

        Raises:
            IdempotencyKeyReusedError: It stands for another content.
        """
        return await self.claims.claim(caller.tenant_id, _key(caller, request, request_id))

    async def note(self, caller: Caller, request: Message, request_id: str, answer: str) -> None:
        """Keep what a repeated call is to be answered with."""
        await self.claims.note(caller.tenant_id, _key(caller, request, request_id), answer)


def _key(caller: Caller, request: Message, request_id: str) -> RequestKey:
    return RequestKey(
        method=f"rpc:{caller.method.rpartition('/')[2]}",
        request_id=RequestId(request_id.lower()),
        actor=caller.principal.subject,
        digest=content_digest(caller, request),
    )
