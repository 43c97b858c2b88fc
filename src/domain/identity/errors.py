"""Refusals of the identity context."""

from domain.kernel.errors import (
    ExhaustedError,
    ForbiddenError,
    UnauthenticatedError,
    UnavailableError,
)


class CredentialRefusedError(UnauthenticatedError):
    """No credential, or one that is malformed, unknown, revoked, of another issuer.

    Which of these a shown credential is, is not told.
    """

    reason = "UNAUTHENTICATED"

    def __init__(self, *, shown: bool = True) -> None:
        super().__init__(
            "the credential is not valid here"
            if shown
            else "show a bearer token or an API key: `authorization: Bearer …` or `x-api-key: …`"
        )


class CredentialExpiredError(UnauthenticatedError):
    reason = "CREDENTIAL_EXPIRED"

    def __init__(self) -> None:
        super().__init__("the credential has expired; get a new one")


class IssuerUnavailableError(UnavailableError):
    reason = "ISSUER_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("the keys that verify tokens cannot be read now")
        self.retry_after_seconds = 5.0


class TenantSuspendedError(ForbiddenError):
    reason = "TENANT_SUSPENDED"

    def __init__(self, tenant: str, standing: str) -> None:
        super().__init__(f"the tenant {tenant} is {standing}", tenant=tenant, standing=standing)


class RateExceededError(ExhaustedError):
    reason = "RATE_EXCEEDED"

    def __init__(self, tenant: str, retry_after_seconds: float) -> None:
        super().__init__(f"the tenant {tenant} calls too often", tenant=tenant)
        self.retry_after_seconds = retry_after_seconds
