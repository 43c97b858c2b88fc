"""Request keys of this process."""

from dataclasses import dataclass, field
from typing import final

from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey

_Place = tuple[TenantId, str, str]


@final
@dataclass(slots=True)
class InMemoryRequests:
    """What was asked under a request id, and what came of it."""

    kept: dict[_Place, tuple[bytes, str]] = field(default_factory=dict[_Place, tuple[bytes, str]])

    def earlier(self, tenant_id: TenantId, request: RequestKey) -> str | None:
        """The resource that the request id was taken for; None when it is new.

        Raises:
            IdempotencyKeyReusedError: It was used with other content.
        """
        known = self.kept.get((tenant_id, request.method, request.request_id))
        if known is None:
            return None
        digest, resource = known
        if digest != request.digest:
            raise IdempotencyKeyReusedError(request.request_id)
        return resource

    def keep(self, tenant_id: TenantId, request: RequestKey, resource: str) -> None:
        self.kept[tenant_id, request.method, request.request_id] = request.digest, resource
