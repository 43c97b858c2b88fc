"""An outgoing event as it is published, and the buckets by which relays share the work."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.kernel.identifiers import EventId, TenantId

BUCKETS: Final = 64
"""The keys of events are spread over so many buckets, each of which one relay has at a time."""


OF_CHAINS: Final = frozenset({"records.sealed"})
"""Types whose key is the chain of a tenant's records."""


def bucket_of(key: UUID) -> int:
    """The bucket of a key: its last byte, for the first of a UUIDv7 are the time."""
    return key.bytes[-1] % BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingEvent:
    """A fact on its way out.

    `tenant` is the tenant's slug. `key` owns the fact: a session, the tenant, or what else the
    fact's type says. `sequence` is its number under the key, from 1 without gaps. `payload` is the
    message of `somagent.events.v1` that `type` and `version` name.
    """

    id: EventId
    tenant_id: TenantId
    tenant: str
    key: UUID
    sequence: int
    type: str
    version: int
    traceparent: str
    occurred_at: datetime
    payload: bytes

    @property
    def bucket(self) -> int:
        return bucket_of(self.key)

    @property
    def key_name(self) -> str:
        """The resource that owns the fact: what orders it on its topic."""
        if self.key == self.tenant_id:
            return f"tenants/{self.tenant}"
        if self.type in OF_CHAINS:
            return f"tenants/{self.tenant}/records"
        return f"tenants/{self.tenant}/sessions/{self.key}"
