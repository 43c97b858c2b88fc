"""What a tenant's facts were published as, read past the API: no method tells them."""

from collections.abc import Mapping

from psycopg import AsyncConnection

from adapters.postgres.database import DatabaseSettings
from tests.contract.postgres_server import owner_url

_FACTS = """
    select o.type, o.payload from outbox o join tenant_profiles p using (tenant_id)
     where p.slug = %s order by o.created_at, o.sequence
"""


async def published(database: DatabaseSettings, slug: str) -> Mapping[str, list[bytes]]:
    """The payloads of each type, in order."""
    found: dict[str, list[bytes]] = {}
    async with await AsyncConnection.connect(owner_url(database)) as connection:
        for kind, payload in await (await connection.execute(_FACTS, (slug,))).fetchall():
            found.setdefault(kind, []).append(payload)
    return found
