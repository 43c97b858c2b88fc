"""Give the name and version of the capsule version that a turn has pinned."""

from dataclasses import dataclass
from typing import final

from application.capsule.ports import Capsules
from application.kernel.timed_cache import TimedCache
from domain.kernel.identifiers import CapsuleVersionId, TenantId


@dataclass(frozen=True, slots=True)
class CapsuleVersionName:
    capsule: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCapsuleVersionQuery:
    tenant_id: TenantId
    capsule_version_id: CapsuleVersionId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NameCapsuleVersion:
    """A version's name never changes, so what `known` keeps is never wrong."""

    capsules: Capsules
    known: TimedCache[tuple[TenantId, CapsuleVersionId], CapsuleVersionName]

    async def __call__(self, query: NameCapsuleVersionQuery) -> CapsuleVersionName:
        """Raises: CapsuleNotFoundError: No such version of this tenant."""
        key = query.tenant_id, query.capsule_version_id
        return await self.known.get(key, lambda: self._read(*key))

    async def _read(
        self, tenant_id: TenantId, capsule_version_id: CapsuleVersionId
    ) -> CapsuleVersionName:
        manifest = (await self.capsules.by_id(tenant_id, capsule_version_id)).manifest
        return CapsuleVersionName(manifest.name, manifest.version)
