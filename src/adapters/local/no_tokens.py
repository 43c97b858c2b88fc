"""What verifies bearer tokens where no issuer is configured: nothing."""

from typing import final

from application.identity.ports import VerifiedToken
from domain.identity.errors import CredentialRefusedError


@final
class NoTokens:
    """API keys alone open the service."""

    async def verify(self, token: str) -> VerifiedToken:
        """Raises: CredentialRefusedError: Always."""
        del token
        raise CredentialRefusedError
