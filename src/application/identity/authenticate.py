"""Turn a credential into a principal."""

from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar, final

from application.identity.ports import (
    Credentials,
    KeyHolder,
    RateLimits,
    TokenVerifier,
    VerifiedToken,
)
from application.kernel.ports import Clock, DurableClock
from application.kernel.timed_cache import TimedCache
from domain.identity.credential import credential_in, fingerprint_of
from domain.identity.errors import (
    CredentialExpiredError,
    CredentialRefusedError,
    RateExceededError,
    TenantSuspendedError,
)
from domain.kernel.identifiers import KeyId
from domain.kernel.principal import Principal
from domain.tenancy.api_key import digest_of, key_id_of, looks_like_a_key
from domain.tenancy.tenant import Standing, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticateQuery:
    """The two headers that can carry a credential, as they came; empty where they did not."""

    authorization: str = ""
    api_key: str = ""


NEVER: Final = float("inf")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GoodUntil(Generic[T]):
    """What a credential stands for, until so many seconds of the monotonic clock."""

    found: T
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCredentials:
    """What was verified lately, in this process.

    How old an entry of `holders` and `tenants` may be is how long a revoked key or a stopped tenant
    is still served: the specification allows 5 s.
    """

    tokens: TimedCache[bytes, GoodUntil[VerifiedToken]]
    holders: TimedCache[KeyId, GoodUntil[KeyHolder]]
    tenants: TimedCache[str, Tenant]

    @classmethod
    def within(
        cls,
        clock: Clock,
        *,
        standing_seconds: float = 5.0,
        token_seconds: float = 60.0,
        capacity: int = 4096,
    ) -> Self:
        """Empty caches with these bounds; a token ends with its own time at the latest."""
        return cls(
            tokens=TimedCache(clock, seconds=token_seconds, capacity=capacity),
            holders=TimedCache(clock, seconds=standing_seconds, capacity=capacity),
            tenants=TimedCache(clock, seconds=standing_seconds, capacity=capacity),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate:
    """A JWT or an API key becomes a principal, and one call of its tenant's allowance is taken.

    Both end by the database's time, whatever this server's clock says.
    """

    tokens: TokenVerifier
    credentials: Credentials
    rate_limits: RateLimits
    clock: Clock
    times: DurableClock
    known: KnownCredentials

    async def __call__(self, query: AuthenticateQuery) -> Principal:
        """Say who calls.

        Raises:
            CredentialRefusedError: There is none, or it is not known, malformed, not good here.
            CredentialExpiredError: It was good once.
            TenantSuspendedError: Its tenant is suspended or was stopped.
            RateExceededError: Its tenant calls too often; with the seconds to wait.
            IssuerUnavailableError: The keys that verify tokens cannot be read.
        """
        credential = credential_in(query.authorization, query.api_key)
        if looks_like_a_key(credential):
            principal, tenant = await self._by_key(credential)
        else:
            principal, tenant = await self._by_token(credential)
        if tenant.standing is not Standing.ACTIVE:
            raise TenantSuspendedError(tenant.slug, tenant.standing.name.lower())
        if wait := await self.rate_limits.take(tenant.id):
            raise RateExceededError(tenant.slug, wait)
        return principal

    async def _by_key(self, secret: str) -> tuple[Principal, Tenant]:
        key_id = key_id_of(secret)
        if key_id is None:
            raise CredentialRefusedError
        known = await self.known.holders.get(key_id, lambda: self._holder(key_id))
        holder, key = known.found, known.found.key
        if key.digest != digest_of(secret) or key.revoked_at is not None:
            raise CredentialRefusedError
        if self.clock.monotonic() >= known.end:
            raise CredentialExpiredError
        principal = Principal(
            tenant_id=key.tenant_id,
            tenant=holder.tenant.slug,
            subject=key.subject,
            roles=key.roles,
            scopes=key.scopes,
            key_id=key.id,
        )
        return principal, holder.tenant

    async def _by_token(self, token: str) -> tuple[Principal, Tenant]:
        known = await self.known.tokens.get(fingerprint_of(token), lambda: self._verified(token))
        if self.clock.monotonic() >= known.end:
            raise CredentialExpiredError
        verified = known.found
        slug = verified.tenant
        tenant = await self.known.tenants.get(slug, lambda: self._tenant(slug))
        principal = Principal(
            tenant_id=tenant.id,
            tenant=tenant.slug,
            subject=verified.subject,
            roles=verified.roles,
            scopes=verified.scopes,
        )
        return principal, tenant

    async def _verified(self, token: str) -> GoodUntil[VerifiedToken]:
        asked_at = self.clock.monotonic()
        verified = await self.tokens.verify(token)
        return GoodUntil(verified, asked_at + verified.seconds)

    async def _holder(self, key_id: KeyId) -> GoodUntil[KeyHolder]:
        asked_at = self.clock.monotonic()
        holder = await self.credentials.holder(key_id)
        if holder is None:
            raise CredentialRefusedError
        if (expires_at := holder.key.expires_at) is None:
            return GoodUntil(holder, NEVER)
        left = expires_at - await self.times.now()
        return GoodUntil(holder, asked_at + left.total_seconds())

    async def _tenant(self, slug: str) -> Tenant:
        tenant = await self.credentials.tenant(slug)
        if tenant is None:
            raise CredentialRefusedError
        return tenant
