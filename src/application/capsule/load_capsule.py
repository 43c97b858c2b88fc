"""Load the capsule that a turn runs under."""

from dataclasses import dataclass
from typing import Self, final

from application.capsule.ports import Capsules, CapsuleStanding
from application.capsule.verify_capsule import VerifyCapsule
from application.kernel.ports import CanonicalJson, Clock
from application.kernel.timed_cache import TimedCache
from domain.capsule.capsule import Capsule, CapsuleState
from domain.capsule.errors import CapsuleRevokedError, CapsuleSignatureInvalidError
from domain.capsule.knob import DerivedSettings, derive
from domain.kernel.identifiers import CapsuleVersionId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCapsuleQuery:
    """The active version of a name; or the version of an id, as a waiting turn has pinned it.

    A turn that is `running` keeps its version to its end, even if it was revoked meanwhile.
    """

    tenant_id: TenantId
    capsule: str | CapsuleVersionId
    running: bool = False


@dataclass(frozen=True, slots=True)
class LoadedCapsule:
    """A verified capsule and the settings that its knobs derive to.

    The state and etag in it are those of the moment it was verified.
    """

    capsule: Capsule
    settings: DerivedSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCapsules:
    """What this process loaded lately.

    How old an entry of `standings` and `pinned` may be is how long an activation or a revocation
    elsewhere goes unseen. `verified` holds what cannot change but by losing its trusted key.
    """

    standings: TimedCache[tuple[TenantId, str], CapsuleStanding]
    pinned: TimedCache[tuple[TenantId, CapsuleVersionId], CapsuleStanding]
    verified: TimedCache[tuple[TenantId, CapsuleVersionId], LoadedCapsule]

    @classmethod
    def within(
        cls,
        clock: Clock,
        *,
        standing_seconds: float = 5.0,
        verified_seconds: float = 300.0,
        capacity: int = 1024,
    ) -> Self:
        """Empty caches with these bounds."""
        return cls(
            standings=TimedCache(clock, seconds=standing_seconds, capacity=capacity),
            pinned=TimedCache(clock, seconds=standing_seconds, capacity=capacity),
            verified=TimedCache(clock, seconds=verified_seconds, capacity=capacity),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCapsule:
    """Give a capsule whose signature was verified, if a turn may begin or go on under it now."""

    capsules: Capsules
    verify: VerifyCapsule
    canonical: CanonicalJson
    known: KnownCapsules

    async def __call__(self, query: LoadCapsuleQuery) -> LoadedCapsule:
        """Load a capsule.

        Raises:
            CapsuleNotFoundError: There is none of this name or id, or no version is active.
            CapsuleRevokedError: It was withdrawn.
            CapsuleSignatureInvalidError: Its key is no longer trusted, or it was changed.
            ConstitutionUnavailableError: It asks for a constitution.
        """
        tenant_id, wanted = query.tenant_id, query.capsule
        if isinstance(wanted, str):
            standing = await self.known.standings.get(
                (tenant_id, wanted), lambda: self.capsules.standing(tenant_id, wanted)
            )
        else:
            standing = await self.known.pinned.get(
                (tenant_id, wanted), lambda: self.capsules.standing_of(tenant_id, wanted)
            )
        loaded = await self.known.verified.get(
            (tenant_id, standing.id), lambda: self._verified(tenant_id, standing.id)
        )
        if not query.running and CapsuleState.REVOKED in (standing.state, loaded.capsule.state):
            raise CapsuleRevokedError(loaded.capsule.manifest.name, standing.version)
        return loaded

    async def _verified(self, tenant_id: TenantId, capsule_id: CapsuleVersionId) -> LoadedCapsule:
        capsule = await self.capsules.by_id(tenant_id, capsule_id)
        capsule.check_enforceable()
        verified = self.verify(self.canonical.decode(capsule.document))
        if verified.hash != capsule.hash or verified.manifest != capsule.manifest:
            raise CapsuleSignatureInvalidError(
                capsule.manifest.name, capsule.signature.key_id, "tampered"
            )
        return LoadedCapsule(capsule, derive(capsule.manifest.knobs))
