"""What the capsule use cases need from the outside world."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from application.kernel.ports import Json
from domain.capsule.capsule import Capsule, CapsuleState
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import CapsuleVersionId, TenantId
from domain.kernel.request_key import RequestKey


@dataclass(frozen=True, slots=True)
class CapsuleStanding:
    """Which version a capsule's name leads to, and whether it may be used."""

    id: CapsuleVersionId
    version: str
    state: CapsuleState


@dataclass(frozen=True, slots=True)
class CapsulePlace:
    """The last capsule of a page, in a list by name and then newest version first."""

    name: str
    id: CapsuleVersionId


ActivationFacts: TypeAlias = Callable[[Capsule, str], Sequence[DomainEvent]]
"""The facts of an activation: of the active capsule, and the version that was; empty for none."""


def untold(active: Capsule, previous: str) -> Sequence[DomainEvent]:
    """Nothing is told."""
    del active, previous
    return ()


class Capsules(Protocol):
    """A tenant's capsules. Each call is one transaction; those that change may be repeated."""

    async def create(self, capsule: Capsule, request: RequestKey) -> Capsule:
        """Store a draft; the stored capsule when it was there before with this content.

        Raises:
            CapsuleAlreadyExistsError: The version is there with other content.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def version(self, tenant_id: TenantId, name: str, version: str) -> Capsule:
        """Raises: CapsuleNotFoundError: No such version of this tenant."""
        ...

    async def by_id(self, tenant_id: TenantId, capsule_id: CapsuleVersionId) -> Capsule:
        """Raises: CapsuleNotFoundError: No such version of this tenant."""
        ...

    async def standing(self, tenant_id: TenantId, name: str) -> CapsuleStanding:
        """The active version, else the one revoked last.

        Raises:
            CapsuleNotFoundError: No version of this name was active and is not a draft again.
        """
        ...

    async def standing_of(
        self, tenant_id: TenantId, capsule_id: CapsuleVersionId
    ) -> CapsuleStanding:
        """Raises: CapsuleNotFoundError: No such version of this tenant."""
        ...

    async def list(
        self,
        tenant_id: TenantId,
        *,
        name: str,
        state: CapsuleState | None,
        after: CapsulePlace | None,
        limit: int,
    ) -> Sequence[Capsule]:
        """By name, then newest version first; of every name where `name` is empty."""
        ...

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
        """Make one version active and the one that was a draft again, in one step.

        What is `told` of it is published with it, and not again when it is repeated.

        Raises:
            CapsuleNotFoundError: No such version of this tenant.
            CapsuleRevokedError: It was withdrawn.
            ConstitutionUnavailableError: It asks for a constitution.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def revoke(
        self,
        tenant_id: TenantId,
        capsule_id: CapsuleVersionId,
        *,
        etag: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Capsule:
        """Withdraw one version for good; one that was withdrawn before stays as it is.

        `events` are published where this withdraws it.

        Raises:
            CapsuleNotFoundError: No such version of this tenant.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...


class CapsuleFiles(Protocol):
    """The text form of manifests."""

    async def read(self, text: str) -> Json:
        """What a manifest in YAML or JSON holds.

        Raises:
            CapsuleMalformedError: It is too large, not YAML, or says one thing twice.
        """
        ...

    def write(self, manifest: Json) -> str:
        """The manifest as YAML, its fields in the order given."""
        ...


class CapsuleSigner(Protocol):
    """The key of a capsule's author."""

    @property
    def key_id(self) -> str: ...

    async def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of these bytes."""
        ...


class TrustedKeys(Protocol):
    """The public keys whose capsules are taken."""

    def verify(self, key_id: str, data: bytes, signature: bytes) -> bool | None:
        """Whether the key made this signature of these bytes; None when the key is not trusted."""
        ...
