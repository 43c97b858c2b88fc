"""What every store of records and chains must honour, and what sealers may not break."""

from asyncio import gather
from dataclasses import replace

import pytest
import sqlalchemy as sa

from adapters.inmemory.records import InMemoryRecords
from adapters.inmemory.store import InMemoryStore
from adapters.postgres.database import Database
from adapters.postgres.records import PostgresRecords
from adapters.postgres.tables.kernel import tenants
from application.provenance.seal_records import SealRecords
from domain.kernel.errors import IdempotencyKeyReusedError, StorageUnavailableError
from domain.kernel.identifiers import TenantId
from domain.provenance.chain import ChainHead
from domain.provenance.errors import RecordNotFoundError
from tests.contract.archive import ALL, Archive, Dying, chains_in, sealed
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.receipts import SIGNER, SilentBell


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_or_none(request: pytest.FixtureRequest) -> Database | None:
    """A new database: sealers look at all tenants."""
    if request.param == "inmemory":
        return None
    database: Database = request.getfixturevalue("fresh_database")
    return database


@pytest.fixture
async def archive(request: pytest.FixtureRequest, database_or_none: Database | None) -> Archive:
    identifiers = CountingIdentifiers(request.node.nodeid)
    tenant_ids = [TenantId(identifiers.next()) for _ in range(3)]
    if database_or_none is None:
        both = InMemoryRecords(InMemoryStore(), StoppedClock())
        return Archive(both, both, identifiers, tenant_ids)
    database = database_or_none
    for tenant_id in tenant_ids:
        async with database.tenant(tenant_id) as connection:
            await connection.execute(sa.insert(tenants).values(tenant_id=tenant_id))
    return Archive(PostgresRecords(database), chains_in(database), identifiers, tenant_ids)


class TestRecords:
    async def test_take_positions_without_gaps_in_each_tenants_chain(
        self, archive: Archive
    ) -> None:
        other = archive.tenant_ids[1]
        stored = [
            await archive.records.append(archive.command(tenant_id=owner))
            for owner in (archive.tenant_id, other, archive.tenant_id)
        ]

        assert [one.position for one in stored] == [1, 1, 2]

    async def test_appended_at_once_take_positions_without_gaps(self, archive: Archive) -> None:
        stored = await gather(*(archive.records.append(archive.command()) for _ in range(12)))

        assert sorted(one.position for one in stored) == list(range(1, 13))

    async def test_are_read_as_they_were_stored(self, archive: Archive) -> None:
        command = archive.command()
        stored = await archive.records.append(command)

        found = await archive.records.record(archive.tenant_id, command.record_id)

        assert found == stored
        assert (found.body, found.nonce, found.sealed) == (command.body, command.nonce, False)

    async def test_a_request_is_stored_once(self, archive: Archive) -> None:
        first = await archive.records.append(archive.command(request_id="one"))
        again = await archive.records.append(archive.command(request_id="one"))

        assert again == first
        assert len(await archive.records.records(archive.tenant_id, after=0, limit=ALL)) == 1

    async def test_one_request_made_at_once_is_stored_once(self, archive: Archive) -> None:
        stored = await gather(
            *(archive.records.append(archive.command(request_id="one")) for _ in range(6))
        )

        assert len({one.id for one in stored}) == 1
        assert len(await archive.records.records(archive.tenant_id, after=0, limit=ALL)) == 1

    async def test_other_content_under_the_same_request_is_refused(self, archive: Archive) -> None:
        command = archive.command(request_id="one")
        await archive.records.append(command)

        with pytest.raises(IdempotencyKeyReusedError):
            await archive.records.append(replace(command, digest=b"e" * 32))

    async def test_tenants_do_not_share_request_ids(self, archive: Archive) -> None:
        other = archive.tenant_ids[1]
        first = await archive.records.append(archive.command(request_id="one"))
        theirs = await archive.records.append(archive.command(request_id="one", tenant_id=other))

        assert first.id != theirs.id

    async def test_are_listed_by_position_in_pages(self, archive: Archive) -> None:
        await archive.fill(5)

        pages = [
            await archive.records.records(archive.tenant_id, after=after, limit=2)
            for after in (0, 2, 4, 5)
        ]

        assert [[one.position for one in page] for page in pages] == [[1, 2], [3, 4], [5], []]

    async def test_are_not_seen_by_another_tenant(self, archive: Archive) -> None:
        stored, other = await archive.records.append(archive.command()), archive.tenant_ids[1]

        assert list(await archive.records.records(other, after=0, limit=ALL)) == []
        with pytest.raises(RecordNotFoundError):
            await archive.records.record(other, stored.id)
        with pytest.raises(RecordNotFoundError):
            await archive.records.receipt(other, stored.id)


class TestChains:
    async def test_a_record_has_no_receipt_before_its_seal(self, archive: Archive) -> None:
        stored = await archive.records.append(archive.command())

        assert await archive.records.receipt(archive.tenant_id, stored.id) is None
        assert await archive.seal() == 1
        assert await archive.records.receipt(archive.tenant_id, stored.id) is not None
        assert (await archive.records.record(archive.tenant_id, stored.id)).sealed

    async def test_every_tenants_records_become_one_chain(self, archive: Archive) -> None:
        for length, tenant_id in enumerate(archive.tenant_ids, 1):
            await archive.fill(length, tenant_id=tenant_id)

        assert await archive.seal() == 6
        assert await archive.seal() == 0

        for length, tenant_id in enumerate(archive.tenant_ids, 1):
            await archive.check(length, tenant_id=tenant_id)

    async def test_a_chain_goes_on_after_its_last_seal(self, archive: Archive) -> None:
        for _ in range(3):
            await archive.fill(2)
            await archive.seal()

        await archive.check(6)

    async def test_a_small_batch_takes_the_lowest_positions(self, archive: Archive) -> None:
        await archive.fill(5)

        assert [await archive.seal(batch=2) for _ in range(4)] == [2, 2, 1, 0]

        await archive.check(5)

    async def test_many_records_of_one_tenant_keep_no_other_off(self, archive: Archive) -> None:
        first, second = sorted(archive.tenant_ids[:2])
        await archive.fill(5, tenant_id=first)
        await archive.fill(1, tenant_id=second)

        assert [await archive.seal(batch=2) for _ in range(2)] == [2, 2]
        await archive.check(1, tenant_id=second)

        assert [await archive.seal(batch=2) for _ in range(2)] == [2, 0]
        await archive.check(5, tenant_id=first)

    async def test_of_two_sealers_that_saw_the_same_one_writes(self, archive: Archive) -> None:
        await archive.fill(3)
        seen = await archive.chains.unsealed(ALL)
        seals = [await sealed(chain) for chain in seen]

        assert await archive.chains.seal(seals) == [True]
        assert await archive.chains.seal(seals) == [False]

        await archive.check(3)

    async def test_of_two_sealers_at_once_one_writes(self, archive: Archive) -> None:
        await archive.fill(3)
        seals = [await sealed(chain) for chain in await archive.chains.unsealed(ALL)]

        answers = await gather(*(archive.chains.seal(seals) for _ in range(4)))

        assert sorted(answer for (answer,) in answers) == [False, False, False, True]
        await archive.check(3)

    async def test_a_lost_chain_does_not_hold_up_another(self, archive: Archive) -> None:
        first, second = archive.tenant_ids[:2]
        await archive.fill(1, tenant_id=first)
        await archive.fill(1, tenant_id=second)
        seen = {chain.tenant_id: chain for chain in await archive.chains.unsealed(ALL)}
        await archive.chains.seal([await sealed(seen[first])])

        late = [await sealed(seen[second]), await sealed(seen[first])]

        assert await archive.chains.seal(late) == [True, False]
        await archive.check(1, tenant_id=first)
        await archive.check(1, tenant_id=second)

    async def test_seals_that_follow_another_hash_are_not_written(self, archive: Archive) -> None:
        await archive.fill(1)
        await archive.seal()
        await archive.fill(1)
        (chain,) = await archive.chains.unsealed(ALL)
        forged = replace(chain, head=ChainHead(1, b"\x07" * 32))

        assert await archive.chains.seal([await sealed(forged)]) == [False]
        await archive.seal()
        await archive.check(2)

    async def test_a_sealer_that_dies_before_or_after_writing_harms_nothing(
        self, archive: Archive
    ) -> None:
        await archive.fill(2)
        for dying in (Dying(archive.chains, written=False), Dying(archive.chains, written=True)):
            sealing = SealRecords(chains=dying, signer=SIGNER, bell=SilentBell())
            with pytest.raises(StorageUnavailableError):
                await sealing()

        await archive.check(2)
        await archive.fill(1)
        assert await archive.seal() == 1
        await archive.check(3)

    async def test_many_sealers_and_writers_make_one_chain(self, archive: Archive) -> None:
        async def write() -> None:
            await archive.fill(8)

        async def keep_sealing() -> None:
            for _ in range(20):
                await archive.seal(batch=5)

        await gather(write(), write(), keep_sealing(), keep_sealing(), keep_sealing())
        while await archive.seal():
            continue

        await archive.check(16)
