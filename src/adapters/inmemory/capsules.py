"""Capsules of this process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import final
from uuid import UUID

from adapters.inmemory.requests import InMemoryRequests
from adapters.inmemory.store import InMemoryStore
from application.capsule.ports import ActivationFacts, CapsulePlace, CapsuleStanding, untold
from domain.capsule.capsule import Capsule, CapsuleState
from domain.capsule.errors import CapsuleAlreadyExistsError, CapsuleNotFoundError
from domain.kernel.errors import EtagMismatchError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import CapsuleVersionId, TenantId
from domain.kernel.request_key import RequestKey

_Place = tuple[TenantId, CapsuleVersionId]


@final
@dataclass(slots=True)
class InMemoryCapsules:
    """A `Capsules`."""

    kept: dict[_Place, Capsule] = field(default_factory=dict[_Place, Capsule])
    requests: InMemoryRequests = field(default_factory=InMemoryRequests)
    store: InMemoryStore = field(default_factory=InMemoryStore)

    async def create(self, capsule: Capsule, request: RequestKey) -> Capsule:
        earlier = self.requests.earlier(capsule.tenant_id, request)
        if earlier is not None:
            return self.kept[capsule.tenant_id, CapsuleVersionId(UUID(earlier))]
        name, version = capsule.manifest.name, capsule.manifest.version
        stored = self._version(capsule.tenant_id, name, version)
        if stored is not None and stored.document != capsule.document:
            raise CapsuleAlreadyExistsError(name, version)
        kept = stored or capsule
        self.kept[kept.tenant_id, kept.id] = kept
        self.requests.keep(kept.tenant_id, request, str(kept.id))
        return kept

    async def version(self, tenant_id: TenantId, name: str, version: str) -> Capsule:
        found = self._version(tenant_id, name, version)
        if found is None:
            raise CapsuleNotFoundError(f"{name} {version}")
        return found

    async def by_id(self, tenant_id: TenantId, capsule_id: CapsuleVersionId) -> Capsule:
        return self._one(tenant_id, capsule_id)

    async def standing(self, tenant_id: TenantId, name: str) -> CapsuleStanding:
        known = [
            (one.state is CapsuleState.ACTIVE, one.activated_at, one.id, one)
            for one in self._named(tenant_id, name)
            if one.activated_at is not None
        ]
        if not known:
            raise CapsuleNotFoundError(name)
        return _standing(max(known, key=lambda one: one[:3])[3])

    async def standing_of(
        self, tenant_id: TenantId, capsule_id: CapsuleVersionId
    ) -> CapsuleStanding:
        return _standing(self._one(tenant_id, capsule_id))

    async def list(
        self,
        tenant_id: TenantId,
        *,
        name: str,
        state: CapsuleState | None,
        after: CapsulePlace | None,
        limit: int,
    ) -> Sequence[Capsule]:
        def place(one: Capsule) -> tuple[str, int]:
            return one.manifest.name, -one.id.int

        found = sorted(
            (
                one
                for (owner, _), one in self.kept.items()
                if owner == tenant_id
                and name in ("", one.manifest.name)
                and state in (None, one.state)
            ),
            key=place,
        )
        if after is not None:
            found = [one for one in found if place(one) > (after.name, -after.id.int)]
        return found[:limit]

    async def activate(
        self,
        tenant_id: TenantId,
        capsule_id: CapsuleVersionId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
        told: ActivationFacts = untold,
    ) -> Capsule:
        earlier = self.requests.earlier(tenant_id, request)
        capsule = self._one(tenant_id, capsule_id)
        if earlier is not None:
            return capsule
        _check_etag(capsule, etag)
        activated = capsule.activate(at)
        if activated is not capsule:
            previous = ""
            for one in self._named(tenant_id, capsule.manifest.name):
                if one.state is CapsuleState.ACTIVE:
                    previous = one.manifest.version
                    self.kept[tenant_id, one.id] = one.retire()
            self.store.publish(*told(activated, previous))
        self.kept[tenant_id, capsule_id] = activated
        self.requests.keep(tenant_id, request, str(capsule_id))
        return activated

    async def revoke(
        self,
        tenant_id: TenantId,
        capsule_id: CapsuleVersionId,
        *,
        etag: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Capsule:
        earlier = self.requests.earlier(tenant_id, request)
        capsule = self._one(tenant_id, capsule_id)
        if earlier is not None:
            return capsule
        _check_etag(capsule, etag)
        revoked = capsule.revoke()
        if revoked is not capsule:
            self.store.publish(*events)
        self.kept[tenant_id, capsule_id] = revoked
        self.requests.keep(tenant_id, request, str(capsule_id))
        return revoked

    def _one(self, tenant_id: TenantId, capsule_id: CapsuleVersionId) -> Capsule:
        found = self.kept.get((tenant_id, capsule_id))
        if found is None:
            raise CapsuleNotFoundError(str(capsule_id))
        return found

    def _version(self, tenant_id: TenantId, name: str, version: str) -> Capsule | None:
        named = self._named(tenant_id, name)
        return next((one for one in named if one.manifest.version == version), None)

    def _named(self, tenant_id: TenantId, name: str) -> Sequence[Capsule]:
        return [
            one
            for (owner, _), one in self.kept.items()
            if owner == tenant_id and one.manifest.name == name
        ]


def _standing(capsule: Capsule) -> CapsuleStanding:
    return CapsuleStanding(capsule.id, capsule.manifest.version, capsule.state)


def _check_etag(capsule: Capsule, etag: str) -> None:
    if etag and etag != capsule.etag:
        raise EtagMismatchError(f"{capsule.manifest.name} {capsule.manifest.version}")
