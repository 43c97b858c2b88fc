"""What decides about tenants' features, in PostgreSQL."""

from dataclasses import dataclass
from typing import final

import sqlalchemy as sa

from adapters.postgres.database import Database
from adapters.postgres.tables.tenancy import tenant_profiles
from domain.kernel.identifiers import TenantId
from domain.tenancy.errors import TenantNotFoundError
from domain.tenancy.feature import Feature, Subscription
from domain.tenancy.plan import Plan


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSubscriptions:
    """A `Subscriptions`. A feature that this release does not know is passed over."""

    database: Database

    async def subscription(self, tenant_id: TenantId) -> Subscription:
        columns = tenant_profiles.c
        query = sa.select(columns.plan, columns.switched_on, columns.switched_off).where(
            columns.tenant_id == tenant_id
        )
        async with self.database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise TenantNotFoundError(str(tenant_id))
        switched = dict.fromkeys(row.switched_on, True) | dict.fromkeys(row.switched_off, False)
        toggles = {one: switched[one.value] for one in Feature if one.value in switched}
        return Subscription(Plan(row.plan), toggles)
