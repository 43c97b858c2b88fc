"""An API key: who shows it, what it grants, and how its secret is recognised."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final, Self
from uuid import UUID

from domain.kernel.identifiers import KeyId, TenantId

LONGEST_SUBJECT: Final = 200

_SECRET: Final = re.compile(r"sk_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")
_SHOWN: Final = 11


def secret_of(key_id: KeyId, randomness: str) -> str:
    """What the holder shows: the key's id, then 32 random bytes in unpadded base64url."""
    return f"sk_{key_id.hex}_{randomness}"


def digest_of(secret: str) -> bytes:
    """What is stored of a secret: its SHA-256. Its 256 random bits need no slow hash."""
    return sha256(secret.encode()).digest()


def looks_like_a_key(credential: str) -> bool:
    """Whether a credential means to be an API key, well formed or not."""
    return credential.startswith("sk_")


def key_id_of(secret: str) -> KeyId | None:
    """The id that a secret names; None when no key is written so."""
    match = _SECRET.fullmatch(secret)
    return None if match is None else KeyId(UUID(match[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The secret itself is not here and is stored nowhere; `digest` recognises it.

    `subject` is who acts when it is shown, `creator` the subject of who made it. Empty `scopes` do
    not narrow the roles. `version` counts its changes, from 1.
    """

    id: KeyId
    tenant_id: TenantId
    subject: str
    display_name: str
    roles: frozenset[str]
    scopes: frozenset[str]
    digest: bytes
    creator: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    version: int = 1

    @property
    def etag(self) -> str:
        return str(self.version)

    @property
    def prefix(self) -> str:
        """The first characters of its secret, which tell keys apart and open nothing."""
        return secret_of(self.id, "")[:_SHOWN]

    def revoke(self, at: datetime) -> Self:
        """End it; a key that was revoked before stays as it is."""
        if self.revoked_at is not None:
            return self
        return replace(self, revoked_at=at, version=self.version + 1)

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and at >= self.expires_at
