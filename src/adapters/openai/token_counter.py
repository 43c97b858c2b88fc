"""Token counts: the model's own where its server has llama.cpp's tokenizer, else an upper bound."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, final

import orjson
from aiohttp import ClientError, ClientResponse
from msgspec import DecodeError

from adapters.openai.session import ProviderSession, UnsendableKeyError
from adapters.openai.wire import SERVER_PROPERTIES, TOKEN_LISTS
from domain.capability.capability import Capability

MOST_COUNTS: Final = 8192
"""Counts that are kept; each is of one text, by its digest."""

_SECONDS: Final = 10.0
_OK: Final = 200
_FAILURES: Final = (ClientError, OSError, DecodeError, UnsendableKeyError)  # OSError: time-outs too


class _NoTokenizerError(Exception):
    pass


def utf8_bytes(text: str) -> int:
    """What no byte-level tokenizer exceeds, since each of its tokens is at least a byte."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


@final
class EstimatingTokenCounter:
    """Counts UTF-8 bytes: never under the truth."""

    async def count(
        self,
        capability: Capability,  # noqa: ARG002 - of the port; here all are counted alike
        texts: Sequence[str],
    ) -> Sequence[int]:
        return [utf8_bytes(text) for text in texts]

    def exact(self, capability: Capability) -> bool:  # noqa: ARG002 - as above
        return False


@final
class LlamaTokenCounter:
    """Counts with the tokenizer of a llama.cpp server, all texts of a call in one request.

    The texts go in one list with a special token between them, which no text can contain, because
    special tokens are not looked for in texts. While the server does not answer, bytes are counted
    and `exact` is false.
    """

    def __init__(self, session: ProviderSession) -> None:
        self._session = session
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._separator: int | None = None
        self._answers = True

    async def count(
        self,
        capability: Capability,  # noqa: ARG002 - of the port; here all are counted alike
        texts: Sequence[str],
    ) -> Sequence[int]:
        keys = [_digest(text) for text in texts]
        unknown = {key: text for key, text in zip(keys, texts, strict=True) if not self._known(key)}
        found: dict[bytes, int] = {}
        if unknown:
            try:
                async with asyncio.timeout(_SECONDS):
                    counts = await self._ask(list(unknown.values()))
            except (*_FAILURES, _NoTokenizerError):
                self._answers = False
                return [utf8_bytes(text) for text in texts]
            self._answers = True
            found = dict(zip(unknown, counts, strict=True))
        answer = [found[key] if key in found else self._counts[key] for key in keys]
        self._keep(found)
        return answer

    def exact(self, capability: Capability) -> bool:  # noqa: ARG002 - as above
        return self._answers

    def _known(self, key: bytes) -> bool:
        if key not in self._counts:
            return False
        self._counts.move_to_end(key)
        return True

    def _keep(self, found: dict[bytes, int]) -> None:
        self._counts.update(found)
        while len(self._counts) > MOST_COUNTS:
            self._counts.popitem(last=False)

    async def _ask(self, texts: list[str]) -> list[int]:
        if self._separator is None:
            self._separator = await self._special_token()
        content: list[str | int] = []
        for text in texts:
            content += (text, self._separator)
        tokens = await self._tokens(content, special=False)
        counts: list[int] = []
        start = 0
        for _ in texts:
            end = _index(tokens, self._separator, start)
            counts.append(end - start)
            start = end + 1
        if start != len(tokens):
            raise _NoTokenizerError
        return counts

    async def _special_token(self) -> int:
        async with await self._session.get("props") as response:
            properties = SERVER_PROPERTIES.decode(await _body(response))
        if not properties.eos_token:
            raise _NoTokenizerError
        tokens = await self._tokens(properties.eos_token, special=True)
        if len(tokens) != 1:
            raise _NoTokenizerError
        return tokens[0]

    async def _tokens(self, content: str | list[str | int], *, special: bool) -> list[int]:
        body = orjson.dumps({"content": content, "add_special": False, "parse_special": special})
        async with await self._session.post("tokenize", body) as response:
            return TOKEN_LISTS.decode(await _body(response)).tokens


async def _body(response: ClientResponse) -> bytes:
    if response.status != _OK:
        raise _NoTokenizerError
    return await response.read()


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


def _index(tokens: list[int], separator: int, start: int) -> int:
    try:
        return tokens.index(separator, start)
    except ValueError as failure:
        raise _NoTokenizerError from failure
