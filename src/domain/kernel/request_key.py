"""What makes a mutation one intent, however often it is sent."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from domain.kernel.identifiers import RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """A caller's request id of one method, and the SHA-256 of what was asked under it.

    `actor` is who asked: of two subjects of a tenant, neither is answered with the other's result.
    """

    method: str
    request_id: RequestId
    actor: str
    digest: bytes

    @classmethod
    def of(cls, method: str, request_id: RequestId, actor: str, content: bytes) -> Self:
        """The key of a request whose content, without its id, has these canonical bytes."""
        digest = sha256(f"{actor}\0".encode() + content).digest()
        return cls(method=method, request_id=request_id, actor=actor, digest=digest)
