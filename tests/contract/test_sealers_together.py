"""Sealers of several servers: one is not shown what another is signing."""

from asyncio import gather, timeout
from datetime import timedelta
from typing import LiteralString

import pytest
import sqlalchemy as sa
from psycopg import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.records import PostgresRecords
from adapters.postgres.tables.kernel import tenants
from application.provenance.ports import Chains
from domain.kernel.identifiers import TenantId
from tests.contract.archive import ALL, Archive, chains_in, sealed
from tests.contract.inmemory_kernel import OTHER
from tests.contract.postgres_server import owner_url
from tests.doubles import PATIENCE
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres


@pytest.fixture
async def archive(request: pytest.FixtureRequest, fresh_database: Database) -> Archive:
    """As one server sees it. The database is new: sealers look at all tenants."""
    identifiers = CountingIdentifiers(request.node.nodeid)
    tenant_ids = [TenantId(identifiers.next()) for _ in range(2)]
    for tenant_id in tenant_ids:
        async with fresh_database.tenant(tenant_id) as connection:
            await connection.execute(sa.insert(tenants).values(tenant_id=tenant_id))
    records = PostgresRecords(fresh_database)
    return Archive(records, chains_in(fresh_database), identifiers, tenant_ids)


@pytest.fixture
def other(fresh_database: Database) -> Chains:
    """The chains as another server sees them."""
    return chains_in(fresh_database, OTHER)


async def lease_ends(database: Database, after: timedelta) -> None:
    """Let the sealer's lease end so long after now."""
    async with await AsyncConnection.connect(owner_url(database.settings)) as superuser:
        await superuser.execute("update sealing set leased_until = now() + %s", (after,))


async def lease_end(database: Database) -> object:
    async with await AsyncConnection.connect(owner_url(database.settings)) as superuser:
        return await (await superuser.execute("select leased_until from sealing")).fetchone()


async def damage(database: Database, statement: LiteralString, tenant_id: TenantId) -> None:
    async with await AsyncConnection.connect(owner_url(database.settings)) as superuser:
        await superuser.execute(statement, (tenant_id,))


async def test_what_one_was_shown_is_kept_from_another_until_it_is_sealed(
    archive: Archive, other: Chains
) -> None:
    await archive.fill(2)
    shown = await archive.chains.unsealed(1)

    assert await other.unsealed(ALL) == []
    assert await archive.chains.seal([await sealed(chain) for chain in shown]) == [True]
    (chain,) = await other.unsealed(ALL)
    assert [record.position for record in chain.records] == [2]


async def test_looking_when_nothing_waits_keeps_nothing_from_another(
    archive: Archive, other: Chains
) -> None:
    assert await archive.chains.unsealed(ALL) == []
    await archive.fill(1)

    assert len(await other.unsealed(ALL)) == 1


async def test_one_that_died_holds_the_others_up_for_its_lease_and_harms_nothing(
    archive: Archive, other: Chains, fresh_database: Database
) -> None:
    await archive.fill(2)
    late = [await sealed(chain) for chain in await archive.chains.unsealed(ALL)]
    await lease_ends(fresh_database, timedelta(seconds=-1))

    seals = [await sealed(chain) for chain in await other.unsealed(ALL)]

    assert await archive.chains.unsealed(ALL) == []
    assert await other.seal(seals) == [True]
    assert await archive.chains.seal(late) == [False]
    await archive.check(2)


async def test_one_that_fails_again_and_again_does_not_hold_on(
    archive: Archive, other: Chains, fresh_database: Database
) -> None:
    await archive.fill(1)
    await archive.chains.unsealed(ALL)
    until = await lease_end(fresh_database)

    assert len(await archive.chains.unsealed(ALL)) == 1

    assert await lease_end(fresh_database) == until
    assert await other.unsealed(ALL) == []


async def test_a_clock_that_was_set_back_keeps_nobody_off(
    archive: Archive, other: Chains, fresh_database: Database
) -> None:
    await archive.fill(1)
    await archive.chains.unsealed(ALL)
    await lease_ends(fresh_database, timedelta(hours=2))

    assert len(await other.unsealed(ALL)) == 1


async def test_several_at_once_never_sign_the_same(archive: Archive, other: Chains) -> None:
    await archive.fill(12)
    answers = list[bool]()

    async def keep_sealing(chains: Chains) -> None:
        while not all(await archive.receipts()):
            shown = await chains.unsealed(3)
            answers.extend(await chains.seal([await sealed(chain) for chain in shown]))

    async with timeout(PATIENCE):
        await gather(keep_sealing(archive.chains), keep_sealing(other))

    assert answers == [True] * 4
    await archive.check(12)


async def test_a_chain_with_a_gap_keeps_no_other_off(
    archive: Archive, fresh_database: Database
) -> None:
    broken, whole = archive.tenant_ids
    assert broken < whole
    await archive.fill(5, tenant_id=broken)
    await archive.fill(2, tenant_id=whole)
    await damage(
        fresh_database, "delete from records where tenant_id = %s and position = 1", broken
    )

    assert [await archive.seal(batch=3) for _ in range(3)] == [0, 2, 0]

    await archive.check(2, tenant_id=whole)


async def test_a_head_that_is_behind_its_seals_keeps_no_other_off(
    archive: Archive, fresh_database: Database
) -> None:
    broken, whole = archive.tenant_ids
    await archive.fill(1, tenant_id=broken)
    stale = [await sealed(chain) for chain in await archive.chains.unsealed(ALL)]
    await archive.chains.seal(stale)
    await damage(
        fresh_database,
        "update chain_heads set position = 0, hash = decode(repeat('00', 32), 'hex')"
        " where tenant_id = %s",
        broken,
    )
    await archive.fill(1, tenant_id=whole)

    late = [await sealed(chain) for chain in await archive.chains.unsealed(ALL)]

    assert await archive.chains.seal([*stale, *late]) == [False, True]
    await archive.check(1, tenant_id=whole)
