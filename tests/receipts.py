"""Keys, chains and receipts to check, made the way the product makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.signing.ed25519 import Ed25519Keys, Ed25519Signer
from application.kernel.ports import Json
from application.provenance.receipt_form import receipt_form
from application.provenance.record_form import form_of
from application.provenance.verify_receipt import VerifyReceipt
from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.chain import ChainHead, Unsealed, UnsealedChain, links, signed_bytes
from domain.provenance.receipt import Receipt
from domain.provenance.record import ExternalContent, ProvenanceRecord
from domain.provenance.salted_hash import salted_hash
from tests.builders import TENANT
from tests.fakes import NOON

SIGNER: Final = Ed25519Signer.of("11" * 32)
STRANGER: Final = Ed25519Signer.of("22" * 32)
JSON: Final = Rfc8785Json()

verify: Final = VerifyReceipt(json=JSON, verifier=Ed25519Keys([SIGNER.public_key]))


def record_id(number: int) -> RecordId:
    return RecordId(UUID(int=0x019AA5D0_0000_7000_8000_000000000000 + number))


def external_record(number: int, *, tenant_id: TenantId = TENANT) -> ProvenanceRecord:
    return ProvenanceRecord(
        id=record_id(number),
        tenant_id=tenant_id,
        subject=salted_hash(bytes(16), "ada"),
        started_at=NOON,
        finished_at=NOON,
        outcome="completed",
        content=ExternalContent(action="invoice.approved", resource=f"invoices/{number}", facts={}),
    )


def body(number: int, *, tenant_id: TenantId = TENANT) -> bytes:
    return JSON.encode(form_of(external_record(number, tenant_id=tenant_id)))


async def sealed_chain(
    length: int,
    *,
    tenant_id: TenantId = TENANT,
    signer: Ed25519Signer = SIGNER,
    bodies: Sequence[bytes] = (),
) -> list[Receipt]:
    """Receipts of positions 1 to `length`."""
    waiting = UnsealedChain(
        tenant_id=tenant_id,
        head=ChainHead(),
        records=tuple(
            Unsealed(
                record_id=record_id(position),
                position=position,
                body=bodies[position - 1] if bodies else body(position, tenant_id=tenant_id),
            )
            for position in range(1, length + 1)
        ),
    )
    return [
        Receipt(
            tenant_id=tenant_id,
            record_id=record.record_id,
            position=record.position,
            previous_hash=previous,
            hash=link,
            key_id=signer.key_id,
            algorithm=signer.algorithm,
            signature=await signer.sign(signed_bytes(link)),
            body=record.body,
        )
        for record, previous, link in links(waiting)
    ]


def receipt_file(*receipts: Receipt) -> bytes:
    """One receipt, or an array of several."""
    forms: list[Json] = [receipt_form(receipt) for receipt in receipts]
    return JSON.encode(forms[0] if len(forms) == 1 else forms)


@dataclass(slots=True)
class SilentBell:
    """A bell that rings nobody and at which no time passes."""

    records: int = 0
    seals: int = 0
    waited: float = 0.0

    def record_written(self) -> None:
        self.records += 1

    def seal_written(self) -> None:
        self.seals += 1

    async def next_record(self, seconds: float) -> None:
        self.waited += seconds

    async def next_seal(self, seconds: float) -> None:
        self.waited += seconds
