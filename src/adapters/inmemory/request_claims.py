"""Request ids of mutations that are repeatable by themselves, in this process."""

from dataclasses import dataclass, field
from typing import final

from adapters.inmemory.requests import InMemoryRequests
from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryRequestClaims:
    requests: InMemoryRequests = field(default_factory=InMemoryRequests)

    async def claim(self, tenant_id: TenantId, request: RequestKey) -> str:
        known = self.requests.earlier(tenant_id, request)
        if known is None:
            self.requests.keep(tenant_id, request, "")
        return known or ""

    async def note(self, tenant_id: TenantId, request: RequestKey, answer: str) -> None:
        self.requests.keep(tenant_id, request, answer)
