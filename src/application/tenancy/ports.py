"""What the tenancy use cases need from the outside world."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import KeyId, TenantId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from domain.tenancy.api_key import ApiKey
from domain.tenancy.feature import Subscription
from domain.tenancy.tenant import Standing, Tenant


class Tenants(Protocol):
    """All tenants. Each call is one transaction; those that change may be repeated.

    `events` are published with what is changed, and not again when it is repeated.
    """

    async def create(
        self,
        tenant: Tenant,
        limits: Mapping[Metric, int | None],
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Tenant:
        """Make a tenant with its standing limits and this month's balances.

        The request id is one of the platform's tenant. It answers as before when it is repeated.

        Raises:
            TenantAlreadyExistsError: The slug is taken.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def by_slug(self, slug: str) -> Tenant:
        """Raises: TenantNotFoundError: There is none."""
        ...

    async def stand(
        self,
        tenant_id: TenantId,
        standing: Standing,
        reason: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Tenant:
        """Change a tenant's standing; the one it has already changes nothing.

        Raises:
            TenantNotFoundError: There is none.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...


class ApiKeys(Protocol):
    """A tenant's API keys. Each call is one transaction and may be repeated.

    `events` are published with what is changed, and not again when it is repeated.
    """

    async def create(
        self, key: ApiKey, request: RequestKey, events: Sequence[DomainEvent] = ()
    ) -> ApiKey:
        """Store a key; the one that was stored under this request id before.

        Raises:
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def revoke(
        self,
        tenant_id: TenantId,
        key_id: KeyId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> ApiKey:
        """End a key.

        Raises:
            KeyNotFoundError: No such key of this tenant.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...


class SecretSource(Protocol):
    def secret(self) -> str:
        """32 bytes of the operating system's randomness, in unpadded base64url."""
        ...


class Subscriptions(Protocol):
    async def subscription(self, tenant_id: TenantId) -> Subscription:
        """What decides about the tenant's features.

        Raises:
            TenantNotFoundError: There is no such tenant.
        """
        ...
