"""Records and chains of one store with tenants of their own, and sealers that misbehave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from adapters.postgres.chains import PostgresChains
from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.protobuf.events import EventEncoding
from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.provenance.ports import AppendRecord, Chains, Records
from application.provenance.record_form import form_of
from application.provenance.seal_records import SealRecords
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import RecordId, ServerId, TenantId
from domain.provenance.chain import ChainSeals, Seal, UnsealedChain, link_hash
from domain.provenance.receipt import Receipt
from tests.contract.inmemory_kernel import ONE
from tests.fakes import CountingIdentifiers
from tests.receipts import JSON, SIGNER, SilentBell, external_record, verify

ALL: Final = 1000


@dataclass(slots=True)
class Archive:
    """Records and chains of one store, with tenants that no other test has."""

    records: Records
    chains: Chains
    identifiers: CountingIdentifiers
    tenant_ids: Sequence[TenantId]

    @property
    def tenant_id(self) -> TenantId:
        return self.tenant_ids[0]

    def command(self, *, request_id: str = "", tenant_id: TenantId | None = None) -> AppendRecord:
        owner, record_id = tenant_id or self.tenant_id, RecordId(self.identifiers.next())
        record = replace(external_record(1, tenant_id=owner), id=record_id)
        return AppendRecord(
            tenant_id=owner,
            record_id=record_id,
            request_id=request_id or str(record_id),
            digest=b"d" * 32,
            body=JSON.encode(form_of(record)),
            nonce=self.identifiers.nonce(),
        )

    async def fill(self, length: int, *, tenant_id: TenantId | None = None) -> None:
        for _ in range(length):
            await self.records.append(self.command(tenant_id=tenant_id))

    async def seal(self, *, batch: int = 256) -> int:
        """One pass. Other tests' tenants may be sealed with it."""
        sealing = SealRecords(chains=self.chains, signer=SIGNER, bell=SilentBell(), batch=batch)
        return await sealing()

    async def receipts(self, *, tenant_id: TenantId | None = None) -> list[Receipt | None]:
        owner = tenant_id or self.tenant_id
        listed = await self.records.records(owner, after=0, limit=ALL)
        return [await self.records.receipt(owner, one.id) for one in listed]

    async def check(self, length: int, *, tenant_id: TenantId | None = None) -> None:
        """The tenant's chain has this length, is sealed to its end, and holds."""
        found = [one for one in await self.receipts(tenant_id=tenant_id) if one is not None]
        assert [one.position for one in found] == list(range(1, length + 1))
        assert [problem.words for problem in verify(found).problems] == []


@dataclass(slots=True)
class Dying:
    """Chains whose answer is lost, after or before the seals were written."""

    chains: Chains
    written: bool

    async def unsealed(self, limit: int) -> Sequence[UnsealedChain]:
        return await self.chains.unsealed(limit)

    async def seal(self, chains: Sequence[ChainSeals]) -> Sequence[bool]:
        if self.written:
            await self.chains.seal(chains)
        raise StorageUnavailableError


async def sealed(chain: UnsealedChain) -> ChainSeals:
    """The chain's seals as a sealer makes them, without looking again."""
    previous, seals = chain.head.hash, list[Seal]()
    for record in chain.records:
        link = link_hash(chain.tenant_id, record.position, previous, record.body)
        seals.append(
            Seal(
                record_id=record.record_id,
                position=record.position,
                previous_hash=previous,
                hash=link,
                key_id=SIGNER.key_id,
                algorithm=SIGNER.algorithm,
                signature=await SIGNER.sign(b"somagent.seal.v1\x00" + link),
            )
        )
        previous = link
    return ChainSeals(tenant_id=chain.tenant_id, head=chain.head, seals=tuple(seals))


def chains_in(database: Database, sealer_id: ServerId = ONE) -> PostgresChains:
    """The chains of a database, as a server sees them: its turn to seal lasts for a test."""
    return PostgresChains(
        database=database,
        sealer_id=sealer_id,
        lease=timedelta(hours=1),
        outgoing=Outgoing(EventEncoding({})),
        clock=SystemClock(),
        identifiers=SystemIdentifiers(),
    )
