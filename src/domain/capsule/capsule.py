"""A capsule: one version of a signed manifest, and what it has come to."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from typing import Final, Self

from domain.capsule.errors import CapsuleRevokedError, ConstitutionUnavailableError
from domain.capsule.manifest import Manifest, Signature
from domain.kernel.identifiers import CapsuleVersionId, TenantId

SIGNING_DOMAIN: Final = b"somagent.capsule.v3\x00"
"""Goes before the hash that is signed: a signature made for something else is none of a capsule."""


class CapsuleState(IntEnum):
    """The numbers are stored. REVOKED is for good."""

    DRAFT = 1
    ACTIVE = 2
    REVOKED = 3


def hash_of(canonical: bytes) -> bytes:
    """The SHA-256 of a manifest's RFC 8785 form, without its signature."""
    return sha256(canonical).digest()


def signed_bytes(digest: bytes) -> bytes:
    """What a signature of a manifest with this hash is made over."""
    return SIGNING_DOMAIN + digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """A snapshot of one version.

    `document` is the whole manifest in RFC 8785 form, its signature included; `hash` is of it
    without. `revision` counts changes of the state, from 1.
    """

    id: CapsuleVersionId
    tenant_id: TenantId
    manifest: Manifest
    document: bytes
    hash: bytes
    signature: Signature
    state: CapsuleState
    created_at: datetime
    activated_at: datetime | None = None
    revision: int = 1

    @property
    def etag(self) -> str:
        return str(self.revision)

    def activate(self, at: datetime) -> Self:
        """Let new turns run under it; an active one stays as it is.

        Raises:
            CapsuleRevokedError: It was withdrawn.
            ConstitutionUnavailableError: It asks for a constitution.
        """
        self.check_usable()
        if self.state is CapsuleState.ACTIVE:
            return self
        return replace(self, state=CapsuleState.ACTIVE, activated_at=at, revision=self.revision + 1)

    def retire(self) -> Self:
        """Another version is active from now on."""
        return replace(
            self, state=CapsuleState.DRAFT, activated_at=None, revision=self.revision + 1
        )

    def revoke(self) -> Self:
        """Withdraw it for good."""
        if self.state is CapsuleState.REVOKED:
            return self
        return replace(self, state=CapsuleState.REVOKED, revision=self.revision + 1)

    def check_usable(self) -> None:
        """Whether a turn may run under it at all.

        Raises:
            CapsuleRevokedError: It was withdrawn.
            ConstitutionUnavailableError: It asks for a constitution, and none can be had here.
        """
        if self.state is CapsuleState.REVOKED:
            raise CapsuleRevokedError(self.manifest.name, self.manifest.version)
        self.check_enforceable()

    def check_enforceable(self) -> None:
        """Whether all that it asks for can be had here.

        Raises:
            ConstitutionUnavailableError: It asks for a constitution, and none can be had here.
        """
        if self.manifest.constitution is not None:
            raise ConstitutionUnavailableError(
                self.manifest.name, self.manifest.constitution.reference
            )
