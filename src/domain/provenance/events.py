"""Facts that the provenance context publishes."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import RecordId, TenantId

_CHAIN: Final = "provenance chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRecord:
    """One record of a chain: its place, and the hash that stands for it and all before it."""

    record_id: RecordId
    position: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsSealed(DomainEvent):
    """Records of a tenant got their seals, in order of position; the key is the chain."""

    records: tuple[SealedRecord, ...]
    key_id: str


def chain_key(tenant_id: TenantId) -> UUID:
    """The key of the facts about a tenant's chain: its sealer numbers them, nobody else."""
    return uuid5(tenant_id, _CHAIN)
