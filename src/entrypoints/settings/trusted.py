"""What may be set about credentials: issuers of tokens, and how often a tenant may call."""

from pydantic import Field

from entrypoints.settings.values import Seconds, Section, Text


class IdentitySettings(Section):
    """Whose tokens are taken. API keys are always taken; tokens when `jwks` is set."""

    issuer: Text = Field("", description="What the claim `iss` must be.")
    audience: Text = Field("somagent", description="What the claim `aud` must be or hold.")
    jwks: Text = Field(
        "", description="The issuer's key set: a file, or an https URL (http on loopback alone)."
    )
    tenant_claim: Text = Field("tenant", description="The claim that holds the tenant's slug.")
    roles_claim: Text = Field("roles", description="The claim that holds the names of roles.")
    clock_skew_seconds: float = Field(
        30, ge=0, le=300, description="How far the issuer's clock may be off."
    )
    jwks_refresh_seconds: Seconds = Field(
        300, description="For how long a key set is used before it is read again."
    )
    jwks_stale_seconds: Seconds = Field(
        3600, description="For how long it is used on while it cannot be read again."
    )
    jwks_fetch_seconds: Seconds = Field(5, description="How long reading the key set may take.")
    known_seconds: float = Field(
        5,
        ge=0,
        le=5,
        description="For how long a key or a tenant is remembered: so long a revoked key or a "
        "stopped tenant is still served. The specification allows 5.",
    )
    known_entries: int = Field(
        10_000, ge=1, le=1_000_000, description="How many credentials a process remembers."
    )
    calls_per_second: float = Field(
        100, gt=0, le=1_000_000, description="Calls of one tenant to one process, in the long run."
    )
    burst_calls: float = Field(
        200, ge=1, le=1_000_000, description="Calls of one tenant to one process at once."
    )
