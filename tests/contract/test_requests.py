"""Request keys in PostgreSQL."""

import pytest
import sqlalchemy as sa

from adapters.postgres.database import Database
from adapters.postgres.requests import claim
from adapters.postgres.tables.requests import requests
from adapters.system.identifiers import SystemIdentifiers
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.request_key import RequestKey

IDENTIFIERS = SystemIdentifiers()


@pytest.fixture
def tenant_id() -> TenantId:
    return TenantId(IDENTIFIERS.next())


def key(name: str, *, method: str = "Create", actor: str = "ada") -> RequestKey:
    return RequestKey.of(method, RequestId(name), actor, b"content")


async def claimed(database: Database, tenant_id: TenantId, request: RequestKey) -> str | None:
    async with database.tenant(tenant_id) as connection:
        return await claim(connection, tenant_id, request, f"of {request.request_id}")


async def kept(database: Database, tenant_id: TenantId) -> int:
    async with database.tenant(tenant_id) as connection:
        query = sa.select(sa.func.count()).where(requests.c.tenant_id == tenant_id)
        return (await connection.execute(query)).scalar_one()


async def test_a_request_id_is_claimed_once(database: Database, tenant_id: TenantId) -> None:
    assert await claimed(database, tenant_id, key("a")) is None
    assert await claimed(database, tenant_id, key("a")) == "of a"


async def test_a_request_id_is_of_one_tenant_method_and_actor(
    database: Database, tenant_id: TenantId
) -> None:
    await claimed(database, tenant_id, key("a"))

    assert await claimed(database, TenantId(IDENTIFIERS.next()), key("a")) is None
    assert await claimed(database, tenant_id, key("a", method="Delete")) is None
    with pytest.raises(IdempotencyKeyReusedError):
        await claimed(database, tenant_id, key("a", actor="mallory"))


async def test_what_was_not_done_leaves_no_claim(database: Database, tenant_id: TenantId) -> None:
    async def refused() -> None:
        async with database.tenant(tenant_id) as connection:
            await claim(connection, tenant_id, key("a"), "of a")
            raise LookupError

    with pytest.raises(LookupError):
        await refused()

    assert await kept(database, tenant_id) == 0
