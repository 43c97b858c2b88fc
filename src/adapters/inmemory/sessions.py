"""Sessions in process memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import final
from uuid import UUID

from adapters.inmemory.requests import InMemoryRequests
from adapters.inmemory.store import InMemoryStore
from application.kernel.ports import Clock
from domain.budget.account import Balance
from domain.budget.errors import BudgetExhaustedError
from domain.budget.period import period_of
from domain.conversation.errors import SessionBusyError, SessionNotFoundError
from domain.conversation.session import Session
from domain.kernel.errors import EtagMismatchError
from domain.kernel.identifiers import AccountId, SessionId, TenantId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemorySessions:
    """A `SessionStore`. An account without a limit for the metric sessions lets any number open."""

    store: InMemoryStore
    clock: Clock
    requests: InMemoryRequests = field(default_factory=InMemoryRequests)

    async def create(self, session: Session, request: RequestKey) -> Session:
        tenant_id = session.tenant_id
        if earlier := self.requests.earlier(tenant_id, request):
            return self.store.sessions[tenant_id, SessionId(UUID(earlier))]
        self._count(tenant_id, 1)
        self.store.sessions[tenant_id, session.id] = session
        self.requests.keep(tenant_id, request, str(session.id))
        return session

    async def session(self, tenant_id: TenantId, session_id: SessionId) -> Session:
        found = self.store.sessions.get((tenant_id, session_id))
        if found is None:
            raise SessionNotFoundError(str(session_id))
        return found

    async def sessions(
        self, tenant_id: TenantId, *, deleted: bool, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        found = [
            session
            for (owner, session_id), session in self.store.sessions.items()
            if owner == tenant_id
            and (deleted or session.deleted_at is None)
            and (after is None or session_id < after)
        ]
        return sorted(found, key=lambda session: session.id, reverse=True)[:limit]

    async def delete(
        self,
        tenant_id: TenantId,
        session_id: SessionId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
    ) -> Session:
        known = self.requests.earlier(tenant_id, request)
        session = await self.session(tenant_id, session_id)
        if known is not None or session.deleted_at is not None:
            return session
        if etag and etag != session.etag:
            raise EtagMismatchError(f"sessions/{session_id}")
        if session.queue.open_turn is not None:
            raise SessionBusyError(str(session_id))
        self._count(tenant_id, -1)
        deleted = replace(session, deleted_at=at)
        self.store.sessions[tenant_id, session_id] = deleted
        self.requests.keep(tenant_id, request, str(session_id))
        return deleted

    def _count(self, tenant_id: TenantId, sessions: int) -> None:
        """Put so many more on the level of open sessions.

        Raises:
            BudgetExhaustedError: They do not fit the tenant's limit.
        """
        period = period_of(self.clock.now())
        self.store.open_accounts(tenant_id, period)
        place = tenant_id, AccountId(tenant_id), Metric.SESSIONS, period
        balance = self.store.balances.get(place, Balance(None))
        if sessions > 0 and not balance.fits(sessions):
            raise BudgetExhaustedError(
                Metric.SESSIONS,
                account=str(tenant_id),
                asked=sessions,
                remaining=balance.remaining or 0,
            )
        self.store.balances[place] = replace(balance, spent=max(0, balance.spent + sessions))
