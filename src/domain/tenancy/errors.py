"""Refusals of the tenancy context."""

from collections.abc import Sequence

from domain.kernel.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionError,
    Resource,
)


class TenantNotFoundError(NotFoundError):
    reason = "TENANT_NOT_FOUND"

    def __init__(self, tenant: str) -> None:
        super().__init__(f"there is no tenant {tenant}", tenant=tenant)
        self.resource = Resource("tenant", f"tenants/{tenant}")


class TenantAlreadyExistsError(AlreadyExistsError):
    reason = "TENANT_ALREADY_EXISTS"

    def __init__(self, tenant: str) -> None:
        super().__init__(f"another tenant is called {tenant}", tenant=tenant)
        self.resource = Resource("tenant", f"tenants/{tenant}")


class KeyNotFoundError(NotFoundError):
    reason = "KEY_NOT_FOUND"

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no API key {key}", key=key)
        self.resource = Resource("key", key)


class FeatureDisabledError(PreconditionError):
    reason = "FEATURE_DISABLED"

    def __init__(self, feature: str, why: str, lacking: Sequence[str]) -> None:
        super().__init__(
            f"the feature {feature} is off for this tenant: {why}",
            feature=feature,
            why=why,
            lacking=", ".join(lacking),
        )
