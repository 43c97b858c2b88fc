"""Who calls, as authenticated."""

from dataclasses import dataclass

from domain.kernel.identifiers import KeyId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A subject of one tenant with what it was granted.

    `roles` name sets of permissions; `scopes`, where not empty, narrow them (`conversation:*`).
    `key_id` is set when an API key was shown, and names an account that may carry limits.
    """

    tenant_id: TenantId
    tenant: str
    subject: str
    roles: frozenset[str]
    scopes: frozenset[str] = frozenset()
    key_id: KeyId | None = None
