"""Read tool calls, and those that wait for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.tools.ports import InvocationReader
from domain.kernel.identifiers import InvocationId, TenantId
from domain.tools.invocation import Invocation, InvocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInvocationQuery:
    tenant_id: TenantId
    invocation_id: InvocationId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInvocation:
    invocations: InvocationReader

    async def __call__(self, query: ReadInvocationQuery) -> Invocation:
        """Raises: InvocationNotFoundError: No such invocation of this tenant."""
        return await self.invocations.invocation(query.tenant_id, query.invocation_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInvocationsQuery:
    """At most `limit`, older than `after`, in a state where one is given."""

    tenant_id: TenantId
    limit: int
    state: InvocationState | None = None
    after: InvocationId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListInvocations:
    invocations: InvocationReader

    async def __call__(self, query: ListInvocationsQuery) -> Sequence[Invocation]:
        """Newest first."""
        return await self.invocations.invocations(
            query.tenant_id, state=query.state, after=query.after, limit=query.limit
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPendingApprovalsQuery:
    """At most `limit`, younger than `after`."""

    tenant_id: TenantId
    limit: int
    after: InvocationId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListPendingApprovals:
    """All calls wait equally long, so the oldest expires next."""

    invocations: InvocationReader

    async def __call__(self, query: ListPendingApprovalsQuery) -> Sequence[Invocation]:
        """The one that expires next first."""
        return await self.invocations.awaiting(
            query.tenant_id, after=query.after, limit=query.limit
        )
