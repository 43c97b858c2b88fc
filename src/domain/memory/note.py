"""A note that a tool wrote down for somebody."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.kernel.identifiers import InvocationId, SessionId, TenantId

MAX_NOTE: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`id` is the invocation's that wrote it: the same call again writes nothing."""

    id: InvocationId
    tenant_id: TenantId
    subject: str
    session_id: SessionId | None
    text: str
    created_at: datetime
