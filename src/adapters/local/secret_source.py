"""Secrets for new API keys, from the operating system's randomness."""

from secrets import token_urlsafe
from typing import Final, final

_BYTES: Final = 32


@final
class SystemSecretSource:
    def secret(self) -> str:
        return token_urlsafe(_BYTES)
