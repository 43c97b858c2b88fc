"""The connections to one provider."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Final, final

from aiohttp import BaseConnector, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar

from adapters.openai.connectors import connector_of
from adapters.openai.exchange import Exchange, HttpAnswer
from adapters.openai.provider import Provider

_LARGE: Final = 1024 * 1024
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "somagent"}


class UnsendableKeyError(Exception):
    """The provider's key has characters that no header can carry. It is not repeated here."""


@final
class ProviderSession:
    """One pool of connections to one provider; made by `open_session`."""

    def __init__(self, provider: Provider, connector: BaseConnector, http: ClientSession) -> None:
        self.provider = provider
        self._http = http
        self._timeout = ClientTimeout(total=None, connect=provider.patience.connect)
        base = provider.base_url.rstrip("/")
        self._chat = Exchange(connector, f"{base}/chat/completions", http.headers, self._timeout)
        self._models = f"{base}/models"
        # llama.cpp's own endpoints stand beside the versioned ones.
        self._root = base.removesuffix("/v1")

    async def chat(self, body: bytes) -> HttpAnswer:
        """Send a chat completion; the answer's head is here, its body is yet to be read."""
        return await self._chat.post(body, await self._secret())

    async def post(self, path: str, body: bytes) -> ClientResponse:
        """Send to a path beside the versioned ones."""
        return await self._http.post(
            f"{self._root}/{path}",
            data=body if len(body) < _LARGE else BytesIO(body),
            headers=await self._key() | {"Content-Type": "application/json"},
            # A redirect would carry the key and the prompt to somebody else.
            allow_redirects=False,
            timeout=self._timeout,
        )

    async def models(self) -> ClientResponse:
        return await self._get(self._models)

    async def get(self, path: str) -> ClientResponse:
        """Get a path beside the versioned ones."""
        return await self._get(f"{self._root}/{path}")

    async def _get(self, url: str) -> ClientResponse:
        return await self._http.get(
            url, headers=await self._key(), allow_redirects=False, timeout=self._timeout
        )

    async def _key(self) -> dict[str, str]:
        secret = await self._secret()
        return {"Authorization": f"Bearer {secret}"} if secret else {}

    async def _secret(self) -> str:
        secret = await self.provider.api_key()
        if not secret.isascii() or (secret and not secret.isprintable()):
            raise UnsendableKeyError
        return secret


@asynccontextmanager
async def open_session(provider: Provider) -> AsyncGenerator[ProviderSession]:
    """Open the pool; on leaving, every connection is closed, also those in use."""
    connector = connector_of(provider)
    async with ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        headers=_HEADERS | dict(provider.headers),
        trust_env=False,
    ) as http:
        yield ProviderSession(provider, connector, http)
