"""List what a tenant can choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import final

from application.capability.known_capabilities import KnownCapabilities
from domain.capability.capability import Capability, Modality
from domain.kernel.identifiers import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCapabilitiesQuery:
    """At most `limit` with names after `after`; of every modality where none is given."""

    tenant_id: TenantId
    limit: int
    modality: Modality | None = None
    after: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListCapabilities:
    """Those of the server's own configuration included."""

    known: KnownCapabilities

    async def __call__(self, query: ListCapabilitiesQuery) -> Sequence[Capability]:
        """By name."""
        found = (
            one
            for one in sorted(await self.known(query.tenant_id), key=lambda one: one.name)
            if one.name > query.after and query.modality in (None, one.modality)
        )
        return tuple(islice(found, query.limit))
