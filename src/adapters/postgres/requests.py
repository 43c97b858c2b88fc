"""Request keys of mutations, kept in the transaction of what was asked."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.requests import requests
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey
from domain.kernel.resilience import IDEMPOTENCY_RETENTION

SWEPT = 16
"""Overdue keys that each new one removes, so that a tenant's do not pile up."""


async def claim(
    connection: AsyncConnection, tenant_id: TenantId, request: RequestKey, resource: str
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
        await _sweep(connection, tenant_id)
        return None
    query = sa.select(requests.c.digest, requests.c.resource).where(*_named(tenant_id, request))
    digest, earlier = (await connection.execute(query)).one()
    if digest != request.digest:
        raise IdempotencyKeyReusedError(request.request_id)
    return str(earlier)


async def answer_with(
    connection: AsyncConnection, tenant_id: TenantId, request: RequestKey, resource: str
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


async def _sweep(connection: AsyncConnection, tenant_id: TenantId) -> None:
    overdue = (
        sa.select(requests.c.method, requests.c.request_id)
        .where(
            requests.c.tenant_id == tenant_id,
            requests.c.created_at < sa.func.now() - 2 * IDEMPOTENCY_RETENTION,
        )
        .limit(SWEPT)
        .with_for_update(skip_locked=True)
        .cte("overdue")
    )
    await connection.execute(
        sa.delete(requests).where(
            requests.c.tenant_id == tenant_id,
            requests.c.method == overdue.c.method,
            requests.c.request_id == overdue.c.request_id,
        )
    )
