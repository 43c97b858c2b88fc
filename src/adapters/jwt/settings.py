"""Which issuer's tokens are taken, and how their claims are called."""

from dataclasses import dataclass, field
from typing import Final

ASYMMETRIC: Final = frozenset(
    {"EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
)
"""Algorithms whose verifier cannot sign. `none` and the HMACs are never taken."""


class JwtSettingsError(ValueError):
    """The settings of an issuer cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtSettings:
    """One issuer.

    Attributes:
        issuer: What `iss` must be.
        audience: What `aud` must be or hold.
        keys: Where its key set (JWKS) is: a path, or an https URL (http on loopback alone).
        tenant_claim: The claim that holds the tenant's slug.
        roles_claim: The claim that holds role names: a list, or words.
        scope_claims: Claims that hold scopes: lists, or words. Words without a colon (`openid`) are
            not ours and are passed over.
        algorithms: Those that are taken.
        leeway_seconds: How far the issuer's clock may be off.
        keys_seconds: For how long a key set is used before it is read again.
        stale_seconds: For how long it is used on while it cannot be read again.
        retry_seconds: How often at most it is read because a key was not in it, or a read failed.
        fetch_seconds: How long reading it may take.
    """

    issuer: str
    audience: str
    keys: str
    tenant_claim: str = "tenant"
    roles_claim: str = "roles"
    scope_claims: tuple[str, ...] = ("scope", "scp", "scopes")
    algorithms: frozenset[str] = field(default=ASYMMETRIC)
    leeway_seconds: float = 30.0
    keys_seconds: float = 300.0
    stale_seconds: float = 3600.0
    retry_seconds: float = 10.0
    fetch_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience or not self.keys:
            raise JwtSettingsError("an issuer, an audience and a key set are needed")
        if not self.algorithms or not self.algorithms <= ASYMMETRIC:
            raise JwtSettingsError(f"algorithms must be among: {', '.join(sorted(ASYMMETRIC))}")
