"""Pages of a list: how many, after what, and the signed token that says so."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, final

from google.protobuf.message import Message

from entrypoints.grpc.caller import Caller
from entrypoints.grpc.refusals import PageTokenInvalidError

DEFAULT_SIZE: Final = 50

MOST_BYTES: Final = 2 * 1024 * 1024
"""What a page weighs at most, save where one thing alone weighs more: an answer has its limit."""

_SEAL_BYTES: Final = 16
_OWN_FIELDS: Final = ("page_token", "page_size")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is asked for: at most `size`, after the cursor; empty means from the first."""

    size: int
    after: str

    @property
    def limit(self) -> int:
        """One more than is shown tells whether there is a next page."""
        return self.size + 1


def _nothing(_: object) -> int:
    return 0


def text_bytes(*texts: str) -> int:
    """The most bytes that texts can be, without encoding them."""
    return 4 * sum(map(len, texts))


def _fitting(found: Sequence[T], weight: Callable[[T], int]) -> int:
    """How many of the found go on one page by their weight: one at least."""
    total = 0
    for count, one in enumerate(found):
        total += weight(one)
        if total > MOST_BYTES and count:
            return count
    return len(found)


@final
@dataclass(frozen=True, slots=True)
class PageTokens:
    """Tokens are opaque, and good for the same caller's tenant, method and other fields alone.

    The key is one of all servers: a page may be asked of any.
    """

    key: bytes

    def page(self, caller: Caller, request: Message, *, size: int, token: str) -> Page:
        """The page that a request asks for.

        Raises:
            PageTokenInvalidError: The token is not one of this list, or the list's fields changed.
        """
        return Page(size or DEFAULT_SIZE, self._open(caller, request, token) if token else "")

    def cut(
        self,
        caller: Caller,
        request: Message,
        page: Page,
        found: Sequence[T],
        cursor: Callable[[T], str],
        weight: Callable[[T], int] = _nothing,
    ) -> tuple[Sequence[T], str]:
        """What of the found (at most `page.limit`) is shown, and the token of the page after it.

        `weight` says how many bytes a thing's own texts are at most, where they may be many.
        """
        fitting = min(page.size, _fitting(found, weight))
        if len(found) <= fitting:
            return found, ""
        shown = found[:fitting]
        return shown, self._seal(caller, request, cursor(shown[-1]))

    def token(self, caller: Caller, request: Message, cursor: str) -> str:
        """The token of what comes after a cursor, where no list is cut."""
        return self._seal(caller, request, cursor)

    def _seal(self, caller: Caller, request: Message, cursor: str) -> str:
        data = cursor.encode()
        return urlsafe_b64encode(self._mac(caller, request, data) + data).rstrip(b"=").decode()

    def _open(self, caller: Caller, request: Message, token: str) -> str:
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError):
            raise PageTokenInvalidError from None
        seal, data = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._mac(caller, request, data)):
            raise PageTokenInvalidError
        return data.decode()

    def _mac(self, caller: Caller, request: Message, cursor: bytes) -> bytes:
        bare = type(request)()
        bare.CopyFrom(request)
        for field in _OWN_FIELDS:
            bare.ClearField(field)
        content = bare.SerializeToString(deterministic=True)
        about = f"{caller.tenant_id}\0{caller.method}\0{len(content)}\0".encode()
        return hmac.digest(self.key, about + content + cursor, "sha256")[:_SEAL_BYTES]
