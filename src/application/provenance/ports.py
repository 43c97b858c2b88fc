"""What the provenance use cases need from the outside world."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.chain import ChainSeals, UnsealedChain
from domain.provenance.receipt import Receipt
from domain.provenance.record import StoredRecord


class Signer(Protocol):
    """The key that seals records."""

    @property
    def key_id(self) -> str:
        """Names the public key, in at most 128 characters of `A-Za-z0-9._:/-`."""
        ...

    @property
    def algorithm(self) -> str:
        """`ed25519`."""
        ...

    async def sign(self, data: bytes) -> bytes:
        """The signature of these bytes, 64 bytes."""
        ...


class Verifier(Protocol):
    """Public keys by their identifiers."""

    def verify(self, key_id: str, data: bytes, signature: bytes) -> bool | None:
        """Whether the key made this signature of these bytes; None when the key is not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendRecord:
    """A record by itself, once per request id; `digest` is of the request's content."""

    tenant_id: TenantId
    record_id: RecordId
    request_id: str
    digest: bytes
    body: bytes
    nonce: bytes


class Records(Protocol):
    """A tenant's records. Those of turns come with the turn's end."""

    async def append(self, command: AppendRecord) -> StoredRecord:
        """Store a record at the tenant's next position; the stored one when it was there before.

        Raises:
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def record(self, tenant_id: TenantId, record_id: RecordId) -> StoredRecord:
        """Raises: RecordNotFoundError: No such record of this tenant."""
        ...

    async def records(
        self, tenant_id: TenantId, *, after: int, limit: int
    ) -> Sequence[StoredRecord]:
        """In order of position, above `after`."""
        ...

    async def receipt(self, tenant_id: TenantId, record_id: RecordId) -> Receipt | None:
        """The record with its seal; None while it has none.

        Raises:
            RecordNotFoundError: No such record of this tenant.
        """
        ...


class Chains(Protocol):
    """The chains of all tenants, as a sealer sees them."""

    async def unsealed(self, limit: int) -> Sequence[UnsealedChain]:
        """Chains with records that have no seal, of each the lowest positions.

        At most so many records in all; where there are more the next call begins behind the last
        tenant, so that none keeps off the others. They may be kept from other sealers for some
        seconds, or until seals were written.
        """
        ...

    async def seal(self, chains: Sequence[ChainSeals]) -> Sequence[bool]:
        """Write seals by compare-and-set on each chain's head: all of a chain's, or none.

        With those of a chain `records.sealed` is published. False where another sealer was there
        before.
        """
        ...


class SealBell(Protocol):
    """Rings when records were written that want a seal, and when seals were written."""

    def record_written(self) -> None: ...

    def seal_written(self) -> None: ...

    async def next_record(self, seconds: float) -> None:
        """Wait until a record was written since the last wait, at most so long."""
        ...

    async def next_seal(self, seconds: float) -> None:
        """Wait until a seal is written from now on, at most so long."""
        ...
