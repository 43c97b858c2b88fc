"""Request keys of mutations, kept in the transaction of what was asked."""

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.tables.requests import requests
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey

if TYPE_CHECKING:  # see `SqlPool`
    from sqlalchemy.ext.asyncio import AsyncConnection


async def claim(
    connection: "AsyncConnection", tenant_id: TenantId, request: RequestKey, resource: str
) -> str | None:
    """Take a request id for a resource: None when it is new, else the resource it was taken for.

    Who asks at the same time waits until this transaction ends.

    Raises:
        IdempotencyKeyReusedError: It was used with other content.
    """
    added = await connection.execute(
        insert(requests)
        .values(
            tenant_id=tenant_id,
            method=request.method,
            request_id=request.request_id,
            digest=request.digest,
            resource=resource,
            created_at=sa.func.clock_timestamp(),
        )
        .on_conflict_do_nothing()
        .returning(requests.c.resource)
    )
    if added.scalar_one_or_none() is not None:
        return None
    query = sa.select(requests.c.digest, requests.c.resource).where(*_named(tenant_id, request))
    known = (await connection.execute(query)).one_or_none()
    if known is None:  # It was kept long enough, and deleted at this very moment.
        return await claim(connection, tenant_id, request, resource)
    digest, earlier = known
    if digest != request.digest:
        raise IdempotencyKeyReusedError(request.request_id)
    return str(earlier)


async def answer_with(
    connection: "AsyncConnection", tenant_id: TenantId, request: RequestKey, resource: str
) -> None:
    """Let a claimed request id stand for another resource than it was claimed for."""
    await connection.execute(
        sa.update(requests).where(*_named(tenant_id, request)).values(resource=resource)
    )


def _named(tenant_id: TenantId, request: RequestKey) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        requests.c.tenant_id == tenant_id,
        requests.c.method == request.method,
        requests.c.request_id == request.request_id,
    )
