"""Who calls, and what they may do."""

from dataclasses import dataclass
from pathlib import Path

from adapters.local.no_tokens import NoTokens
from adapters.local.rate_limits import LocalRateLimits, RateTerms
from application.authorization.authorize import Authorize
from application.authorization.role_authorizer import RoleAuthorizer
from application.identity.authenticate import Authenticate, KnownCredentials
from application.identity.ports import TokenVerifier
from application.kernel.anchored_clock import AnchoredClock
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System
from entrypoints.failure import StartError
from entrypoints.settings.trusted import IdentitySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    authenticate: Authenticate
    authorize: Authorize


def access(settings: IdentitySettings, stores: Stores, system: System) -> Access:
    """Raises: StartError: The issuer's settings cannot be used."""
    return Access(
        authenticate=Authenticate(
            tokens=_tokens(settings, stores, system),
            credentials=stores.credentials,
            rate_limits=LocalRateLimits(
                RateTerms(capacity=settings.burst_calls, per_second=settings.calls_per_second),
                system.clock,
            ),
            clock=system.clock,
            times=stores.clock,
            known=KnownCredentials.within(
                system.clock,
                standing_seconds=settings.known_seconds,
                capacity=settings.known_entries,
            ),
        ),
        authorize=Authorize(authorizer=RoleAuthorizer()),
    )


def _tokens(settings: IdentitySettings, stores: Stores, system: System) -> TokenVerifier:
    if not settings.jwks:
        return NoTokens()
    from adapters.jwt.settings import JwtSettings, JwtSettingsError  # noqa: PLC0415 - only who reads tokens
    from adapters.jwt.verifier import JwtVerifier  # noqa: PLC0415 - loads what reads them

    try:
        terms = JwtSettings(
            issuer=settings.issuer,
            audience=settings.audience,
            keys=str(Path(settings.jwks)) if "://" not in settings.jwks else settings.jwks,
            tenant_claim=settings.tenant_claim,
            roles_claim=settings.roles_claim,
            leeway_seconds=settings.clock_skew_seconds,
            keys_seconds=settings.jwks_refresh_seconds,
            stale_seconds=settings.jwks_stale_seconds,
            fetch_seconds=settings.jwks_fetch_seconds,
        )
    except JwtSettingsError as error:
        raise StartError("identity", str(error), "see identity.* in the settings") from error
    # A token that has ended is asked about each time it is shown: it costs no query.
    times = AnchoredClock(times=stores.clock, clock=system.clock)
    return JwtVerifier(terms, system.clock, times)
