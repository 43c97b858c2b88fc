"""Registered capabilities in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.database import Database
from adapters.postgres.requests import claim
from adapters.postgres.tables.capabilities import capabilities
from domain.capability.capability import Capability, Modality, ToolCalling
from domain.capability.errors import CapabilityAlreadyExistsError
from domain.kernel.identifiers import TenantId
from domain.kernel.provider_price import ProviderPrice
from domain.kernel.request_key import RequestKey
from domain.kernel.tier import Tier


@final
@dataclass(frozen=True, slots=True)
class PostgresCapabilities:
    """A `Capabilities`."""

    database: Database

    async def register(
        self, tenant_id: TenantId, capability: Capability, request: RequestKey
    ) -> Capability:
        async with self.database.tenant(tenant_id) as connection:
            if await claim(connection, tenant_id, request, capability.name) is not None:
                return capability
            row = _row_of(capability) | {
                "tenant_id": tenant_id,
                "created_at": sa.func.clock_timestamp(),
                "version": 1,
            }
            added = await connection.execute(
                insert(capabilities)
                .values(row)
                .on_conflict_do_nothing()
                .returning(capabilities.c.name)
            )
            if added.scalar_one_or_none() is None:
                raise CapabilityAlreadyExistsError(capability.name)
            return capability

    async def all(self, tenant_id: TenantId) -> Sequence[Capability]:
        query = (
            sa.select(capabilities)
            .where(capabilities.c.tenant_id == tenant_id)
            .order_by(capabilities.c.name)
        )
        async with self.database.tenant(tenant_id) as connection:
            return [_capability(row) for row in (await connection.execute(query)).all()]


def _row_of(capability: Capability) -> dict[str, object]:
    return {
        "name": capability.name,
        "modality": capability.modality.value,
        "provider": capability.provider,
        "model": capability.model,
        "model_tier": capability.model_tier.value,
        "cost_tier": capability.cost_tier.value,
        "context_window": capability.context_window,
        "input_price": capability.price.input,
        "cached_price": capability.price.cached,
        "output_price": capability.price.output,
        "tool_calling": capability.tool_calling.value,
        "priority": capability.priority,
        "enabled": capability.enabled,
        "local": capability.local,
        "supports_logprobs": capability.supports_logprobs,
    }


def _capability(row: "sa.Row[*tuple[object, ...]]") -> Capability:
    return Capability(
        name=row.name,
        modality=Modality(row.modality),
        provider=row.provider,
        model=row.model,
        model_tier=Tier(row.model_tier),
        cost_tier=Tier(row.cost_tier),
        context_window=row.context_window,
        price=ProviderPrice(
            input=_plain(row.input_price),
            cached=_plain(row.cached_price),
            output=_plain(row.output_price),
        ),
        tool_calling=ToolCalling(row.tool_calling),
        priority=row.priority,
        enabled=row.enabled,
        local=row.local,
        supports_logprobs=row.supports_logprobs,
    )


def _plain(number: Decimal) -> Decimal:
    """Without the zeros that the column's scale puts behind it."""
    return number.normalize() + 0
