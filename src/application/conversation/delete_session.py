"""Let a session take no more messages."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.ports.sessions import SessionStore
from application.kernel.ports import DurableClock
from domain.conversation.session import Session
from domain.kernel.identifiers import RequestId, SessionId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "DeleteSession"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSessionCommand:
    """`etag` is the one that was read; empty deletes whatever is there."""

    principal: Principal
    tenant_id: TenantId
    session_id: SessionId
    request_id: RequestId
    etag: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSession:
    """Its turns can still be read, and a deleted session stays as it is when deleted again.

    What is kept for its requests is kept for so long after that, by the same time.
    """

    sessions: SessionStore
    clock: DurableClock

    async def __call__(self, command: DeleteSessionCommand) -> Session:
        """Give the session with its deletion's time.

        Raises:
            SessionNotFoundError: No such session of this tenant.
            SessionBusyError: A turn is open.
            EtagMismatchError: It changed since it was read.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        content = f"{command.session_id}\0{command.etag}".encode()
        return await self.sessions.delete(
            command.tenant_id,
            command.session_id,
            etag=command.etag,
            at=await self.clock.now(),
            request=RequestKey.of(METHOD, command.request_id, command.principal.subject, content),
        )
