"""Tenants and their keys, in this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import final
from uuid import UUID

from adapters.inmemory.requests import InMemoryRequests
from adapters.inmemory.store import InMemoryStore
from application.identity.ports import KeyHolder
from domain.budget.account import Account, AccountKind
from domain.kernel.errors import EtagMismatchError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import KeyId, TenantId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from domain.tenancy.api_key import ApiKey
from domain.tenancy.errors import KeyNotFoundError, TenantAlreadyExistsError, TenantNotFoundError
from domain.tenancy.feature import Feature, Subscription
from domain.tenancy.tenant import PLATFORM_TENANT_ID, Standing, Tenant


@final
@dataclass(slots=True)
class InMemoryTenancy:
    """A `Credentials`, and what `InMemoryTenants` and `InMemoryApiKeys` keep."""

    tenants: dict[TenantId, Tenant] = field(default_factory=dict[TenantId, Tenant])
    keys: dict[KeyId, ApiKey] = field(default_factory=dict[KeyId, ApiKey])
    requests: InMemoryRequests = field(default_factory=InMemoryRequests)
    toggles: dict[TenantId, dict[Feature, bool]] = field(
        default_factory=dict[TenantId, dict[Feature, bool]]
    )

    async def holder(self, key_id: KeyId) -> KeyHolder | None:
        key = self.keys.get(key_id)
        return None if key is None else KeyHolder(key, self.tenants[key.tenant_id])

    async def tenant(self, slug: str) -> Tenant | None:
        return next((one for one in self.tenants.values() if one.slug == slug), None)


@final
@dataclass(frozen=True, slots=True)
class InMemoryTenants:
    """A `Tenants`; the limits go into the store of budgets."""

    kept: InMemoryTenancy
    store: InMemoryStore

    async def create(
        self,
        tenant: Tenant,
        limits: Mapping[Metric, int | None],
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Tenant:
        earlier = self.kept.requests.earlier(PLATFORM_TENANT_ID, request)
        if earlier is not None:
            return self.kept.tenants[TenantId(UUID(earlier))]
        if any(one.slug == tenant.slug for one in self.kept.tenants.values()):
            raise TenantAlreadyExistsError(tenant.slug)
        self.kept.tenants[tenant.id] = tenant
        account = Account(AccountKind.TENANT, str(tenant.id))
        for metric, amount in limits.items():
            self.store.limits[tenant.id, account, metric] = amount
        self.kept.requests.keep(PLATFORM_TENANT_ID, request, str(tenant.id))
        self.store.publish(*events)
        return tenant

    async def by_slug(self, slug: str) -> Tenant:
        found = await self.kept.tenant(slug)
        if found is None:
            raise TenantNotFoundError(slug)
        return found

    async def stand(
        self,
        tenant_id: TenantId,
        standing: Standing,
        reason: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Tenant:
        if tenant_id not in self.kept.tenants:
            raise TenantNotFoundError(str(tenant_id))
        if self.kept.requests.earlier(tenant_id, request) is None:
            changed = self.kept.tenants[tenant_id].stand(standing, reason)
            if changed != self.kept.tenants[tenant_id]:
                self.store.publish(*events)
            self.kept.tenants[tenant_id] = changed
            self.kept.requests.keep(tenant_id, request, str(tenant_id))
        return self.kept.tenants[tenant_id]


@final
@dataclass(frozen=True, slots=True)
class InMemoryApiKeys:
    """An `ApiKeys`."""

    kept: InMemoryTenancy
    store: InMemoryStore

    async def create(
        self, key: ApiKey, request: RequestKey, events: Sequence[DomainEvent] = ()
    ) -> ApiKey:
        earlier = self.kept.requests.earlier(key.tenant_id, request)
        if earlier is not None:
            return self.kept.keys[KeyId(UUID(earlier))]
        self.kept.keys[key.id] = key
        self.kept.requests.keep(key.tenant_id, request, str(key.id))
        self.store.publish(*events)
        return key

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
        earlier = self.kept.requests.earlier(tenant_id, request)
        key = self.kept.keys.get(key_id)
        if key is None or key.tenant_id != tenant_id:
            raise KeyNotFoundError(str(key_id))
        if earlier is not None:
            return key
        if etag and etag != key.etag:
            raise EtagMismatchError(str(key_id))
        revoked = key.revoke(at)
        if revoked != key:
            self.store.publish(*events)
        self.kept.keys[key_id] = revoked
        self.kept.requests.keep(tenant_id, request, str(key_id))
        return revoked


@final
@dataclass(frozen=True, slots=True)
class InMemorySubscriptions:
    """A `Subscriptions`."""

    kept: InMemoryTenancy

    async def subscription(self, tenant_id: TenantId) -> Subscription:
        tenant = self.kept.tenants.get(tenant_id)
        if tenant is None:
            raise TenantNotFoundError(str(tenant_id))
        return Subscription(tenant.plan, self.kept.toggles.get(tenant_id, {}))
