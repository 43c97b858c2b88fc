"""Sealing on in-memory chains; the same on PostgreSQL is in the contract suite."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.inmemory.records import InMemoryRecords
from adapters.inmemory.store import InMemoryStore
from application.provenance.ports import AppendRecord
from application.provenance.seal_records import SealRecords
from domain.kernel.identifiers import TenantId
from domain.provenance.chain import ChainSeals, UnsealedChain
from tests.builders import OTHER_TENANT, TENANT
from tests.fakes import StoppedClock
from tests.receipts import SIGNER, SilentBell, body, record_id, verify


def records() -> InMemoryRecords:
    return InMemoryRecords(InMemoryStore(), StoppedClock())


def sealing(chains: InMemoryRecords, *, batch: int = 256) -> SealRecords:
    return SealRecords(chains=chains, signer=SIGNER, bell=SilentBell(), batch=batch)


async def fill(kept: InMemoryRecords, length: int, *, tenant_id: TenantId = TENANT) -> None:
    start = 0 if tenant_id == TENANT else 1000
    for number in range(start + 1, start + length + 1):
        await kept.append(
            AppendRecord(
                tenant_id=tenant_id,
                record_id=record_id(number),
                request_id=f"request {number}",
                digest=b"",
                body=body(number, tenant_id=tenant_id),
                nonce=bytes(16),
            )
        )


async def problems(kept: InMemoryRecords, *, tenant_id: TenantId = TENANT) -> Sequence[str]:
    listed = await kept.records(tenant_id, after=0, limit=1000)
    receipts = [await kept.receipt(tenant_id, one.id) for one in listed]
    found = verify([one for one in receipts if one is not None]).problems
    return [*(problem.words for problem in found), *("unsealed" for one in receipts if one is None)]


class TestSealRecords:
    async def test_makes_one_chain_of_each_tenant(self) -> None:
        kept = records()
        await fill(kept, 5)
        await fill(kept, 3, tenant_id=OTHER_TENANT)

        assert await sealing(kept)() == 8

        assert await problems(kept) == []
        assert await problems(kept, tenant_id=OTHER_TENANT) == []

    async def test_goes_on_where_it_stopped(self) -> None:
        kept = records()
        await fill(kept, 5)
        seal = sealing(kept, batch=2)

        assert [await seal() for _ in range(4)] == [2, 2, 1, 0]

        assert await problems(kept) == []

    async def test_rings_when_it_has_sealed_and_not_otherwise(self) -> None:
        kept, bell = records(), SilentBell()
        seal = SealRecords(chains=kept, signer=SIGNER, bell=bell)

        await seal()
        assert bell.seals == 0
        await fill(kept, 1)
        await seal()
        assert bell.seals == 1

    async def test_two_that_looked_at_once_make_one_chain(self) -> None:
        kept = records()
        await fill(kept, 4)
        late = AsBefore(kept, await kept.unsealed(256))

        await sealing(kept)()
        lost = await SealRecords(chains=late, signer=SIGNER, bell=SilentBell())()

        assert (lost, late.answers) == (4, [False])
        assert await problems(kept) == []


@dataclass(slots=True)
class AsBefore:
    """Chains as somebody saw them a while ago."""

    chains: InMemoryRecords
    seen: Sequence[UnsealedChain]
    answers: list[bool] = field(default_factory=list[bool])

    async def unsealed(self, limit: int) -> Sequence[UnsealedChain]:
        return self.seen[:limit]

    async def seal(self, chains: Sequence[ChainSeals]) -> Sequence[bool]:
        self.answers.extend(await self.chains.seal(chains))
        return self.answers
