"""The chain of a tenant's records, and the exact bytes that are hashed and signed."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from domain.kernel.identifiers import EventId, RecordId, TenantId
from domain.provenance.events import RecordsSealed, SealedRecord, chain_key

ALGORITHM: Final = "ed25519"
GENESIS: Final = bytes(32)
"""What the first record of a chain names as its predecessor's hash."""

MAX_POSITION: Final = 2**53 - 1

_RECORD_DOMAIN: Final = b"somagent.record.v1\x00"
_LINK_DOMAIN: Final = b"somagent.chain.v1\x00"
_SEAL_DOMAIN: Final = b"somagent.seal.v1\x00"


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last sealed position of a chain and its hash; position 0 before the first."""

    position: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """A record that waits for its seal."""

    record_id: RecordId
    position: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsealedChain:
    """A chain's head, and the records after it without a gap, in order of position."""

    tenant_id: TenantId
    head: ChainHead
    records: tuple[Unsealed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a sealer adds to a record."""

    record_id: RecordId
    position: int
    previous_hash: bytes
    hash: bytes
    key_id: str
    algorithm: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSeals:
    """Seals that follow a head without a gap; written only if the head is still that one."""

    tenant_id: TenantId
    head: ChainHead
    seals: tuple[Seal, ...]

    def fact(self, event_id: EventId, at: datetime) -> RecordsSealed:
        """What is published with them; there is at least one."""
        return RecordsSealed(
            id=event_id,
            tenant_id=self.tenant_id,
            key=chain_key(self.tenant_id),
            occurred_at=at,
            records=tuple(
                SealedRecord(record_id=seal.record_id, position=seal.position, hash=seal.hash)
                for seal in self.seals
            ),
            key_id=self.seals[-1].key_id,
        )


def link_hash(tenant_id: UUID, position: int, previous_hash: bytes, body: bytes) -> bytes:
    """The hash of a record in its place: SHA-256 over all fields at fixed widths.

    `"somagent.chain.v1" 00 ‖ tenant (16) ‖ position (8, big-endian) ‖ previous hash (32) ‖
    SHA-256("somagent.record.v1" 00 ‖ body)`.
    """
    content = sha256(_RECORD_DOMAIN + body).digest()
    place = tenant_id.bytes + position.to_bytes(8, "big")
    return sha256(_LINK_DOMAIN + place + previous_hash + content).digest()


def signed_bytes(link: bytes) -> bytes:
    """What is signed: `"somagent.seal.v1" 00 ‖ link hash`."""
    return _SEAL_DOMAIN + link


def links(chain: UnsealedChain) -> tuple[tuple[Unsealed, bytes, bytes], ...]:
    """Each record with its predecessor's hash and its own.

    Stops before a gap: what follows it waits until the record before it can be seen.
    """
    linked: list[tuple[Unsealed, bytes, bytes]] = []
    previous, position = chain.head.hash, chain.head.position
    for record in chain.records:
        if record.position != position + 1:
            break
        link = link_hash(chain.tenant_id, record.position, previous, record.body)
        linked.append((record, previous, link))
        previous, position = link, record.position
    return tuple(linked)
