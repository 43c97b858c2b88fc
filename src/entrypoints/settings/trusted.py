"""What may be set about credentials: issuers of tokens, and how often a tenant may call."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from entrypoints.settings.values import Seconds, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """Whose tokens are taken. API keys are always taken; tokens when `jwks` is set."""

    issuer: Annotated[Text, Field(description="What the claim `iss` must be.")] = ""
    audience: Annotated[Text, Field(description="What the claim `aud` must be or hold.")] = (
        "somagent"
    )
    jwks: Annotated[
        Text,
        Field(
            description="The issuer's key set: a file, or an https URL (http on loopback alone)."
        ),
    ] = ""
    tenant_claim: Annotated[Text, Field(description="The claim that holds the tenant's slug.")] = (
        "tenant"
    )
    roles_claim: Annotated[Text, Field(description="The claim that holds the names of roles.")] = (
        "roles"
    )
    clock_skew_seconds: Annotated[
        float, Field(ge=0, le=300, description="How far the issuer's clock may be off.")
    ] = 30
    jwks_refresh_seconds: Annotated[
        Seconds, Field(description="For how long a key set is used before it is read again.")
    ] = 300
    jwks_stale_seconds: Annotated[
        Seconds, Field(description="For how long it is used on while it cannot be read again.")
    ] = 3600
    jwks_fetch_seconds: Annotated[
        Seconds, Field(description="How long reading the key set may take.")
    ] = 5
    known_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=5,
            description="For how long a key or a tenant is remembered: so long a revoked key or a "
            "stopped tenant is still served. The specification allows 5.",
        ),
    ] = 5
    known_entries: Annotated[
        int, Field(ge=1, le=1_000_000, description="How many credentials a process remembers.")
    ] = 10000
    calls_per_second: Annotated[
        float,
        Field(
            gt=0, le=1_000_000, description="Calls of one tenant to one process, in the long run."
        ),
    ] = 100
    burst_calls: Annotated[
        float, Field(ge=1, le=1_000_000, description="Calls of one tenant to one process at once.")
    ] = 200
