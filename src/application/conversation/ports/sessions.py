"""Sessions, and what is said of answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.conversation.feedback import Feedback
from domain.conversation.session import Session
from domain.kernel.identifiers import SessionId, TenantId
from domain.kernel.request_key import RequestKey


class SessionStore(Protocol):
    """The sessions of tenants. Each call is one transaction; those that change may be repeated."""

    async def create(self, session: Session, request: RequestKey) -> Session:
        """Open a session, which holds one unit of the metric sessions in the tenant's account.

        The stored one when the request was there before.

        Raises:
            BudgetExhaustedError: The tenant has as many open sessions as it may.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def session(self, tenant_id: TenantId, session_id: SessionId) -> Session:
        """A session, even a deleted one.

        Raises:
            SessionNotFoundError: No such session of this tenant.
        """
        ...

    async def sessions(
        self, tenant_id: TenantId, *, deleted: bool, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        """Newest first, older than `after`; deleted ones only where they are asked for."""
        ...

    async def delete(
        self,
        tenant_id: TenantId,
        session_id: SessionId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
    ) -> Session:
        """Let a session take no more messages, and give its unit back.

        A deleted one stays as it is.

        Raises:
            SessionNotFoundError: No such session of this tenant.
            SessionBusyError: A turn is open.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...


class FeedbackStore(Protocol):
    """What subjects say of answers."""

    async def submit(self, feedback: Feedback, request: RequestKey) -> Feedback:
        """Keep a subject's word on a turn in place of his last one.

        The word that was kept when the request was there before.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...
