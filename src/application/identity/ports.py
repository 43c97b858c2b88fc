"""What the identity use cases need from the outside world."""

from dataclasses import dataclass
from typing import Protocol

from domain.kernel.identifiers import KeyId, TenantId
from domain.tenancy.api_key import ApiKey
from domain.tenancy.tenant import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What a token says, after its signature, issuer, audience and times were found good.

    It is good for so many more `seconds`, the tolerated skew of clocks included.
    """

    subject: str
    tenant: str
    roles: frozenset[str]
    scopes: frozenset[str]
    seconds: float


class TokenVerifier(Protocol):
    async def verify(self, token: str) -> VerifiedToken:
        """Verify a bearer token.

        Raises:
            CredentialRefusedError: Malformed, badly signed, of another issuer or audience, not good
                yet, or without what a principal needs.
            CredentialExpiredError: It was good once.
            IssuerUnavailableError: The issuer's keys cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """An API key and the tenant it belongs to."""

    key: ApiKey
    tenant: Tenant


class Credentials(Protocol):
    """Look-ups before a tenant is known; they see one row by its exact name, nothing else."""

    async def holder(self, key_id: KeyId) -> KeyHolder | None: ...

    async def tenant(self, slug: str) -> Tenant | None: ...


class RateLimits(Protocol):
    async def take(self, tenant_id: TenantId) -> float:
        """Take one call of the tenant's allowance: 0.0, or the seconds until there is one."""
        ...
