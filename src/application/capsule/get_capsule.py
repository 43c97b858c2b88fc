"""Read one capsule, or a page of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.capsule.ports import CapsulePlace, Capsules
from domain.capsule.capsule import Capsule, CapsuleState
from domain.kernel.identifiers import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCapsuleQuery:
    """`version` empty asks for the active one."""

    tenant_id: TenantId
    name: str
    version: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GetCapsule:
    capsules: Capsules

    async def __call__(self, query: GetCapsuleQuery) -> Capsule:
        """Read a capsule.

        Raises:
            CapsuleNotFoundError: No such version, or none is active.
        """
        if query.version:
            return await self.capsules.version(query.tenant_id, query.name, query.version)
        standing = await self.capsules.standing(query.tenant_id, query.name)
        return await self.capsules.by_id(query.tenant_id, standing.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCapsulesQuery:
    """At most `limit` after `after`; of every name and state where none is given."""

    tenant_id: TenantId
    limit: int
    name: str = ""
    state: CapsuleState | None = None
    after: CapsulePlace | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListCapsules:
    capsules: Capsules

    async def __call__(self, query: ListCapsulesQuery) -> Sequence[Capsule]:
        """By name, then newest version first."""
        return await self.capsules.list(
            query.tenant_id,
            name=query.name,
            state=query.state,
            after=query.after,
            limit=query.limit,
        )
