"""Records that turns end with, in one chain with those that are made by themselves."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest

from adapters.inmemory.journal import InMemoryTurnJournal
from adapters.inmemory.records import InMemoryRecords
from adapters.inmemory.store import InMemoryStore
from adapters.postgres.database import Database
from adapters.postgres.records import PostgresRecords
from application.conversation.ports.journal import FinishTurn, TurnJournal
from application.provenance.ports import AppendRecord, Chains, Records
from application.provenance.record_form import form_of
from application.provenance.seal_records import SealRecords
from domain.kernel.identifiers import RecordId, TurnId
from tests.contract.archive import chains_in
from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import ONE, InMemoryAdministrator
from tests.contract.postgres_kernel import postgres_kernel
from tests.fakes import StoppedClock
from tests.receipts import JSON, SIGNER, SilentBell, external_record, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    journal: TurnJournal
    records: Records
    chains: Chains
    ask: Commands

    async def accepted(self) -> TurnId:
        return (await self.journal.accept(self.ask.accept())).turn_id

    async def finished(self, turn_id: TurnId) -> FinishTurn:
        command = self.ask.finish(turn_id)
        finish = replace(command, record=self.body(command.record_id))
        await self.journal.finish(finish)
        return finish

    def body(self, record_id: RecordId) -> bytes:
        record = external_record(1, tenant_id=self.ask.tenant_id)
        return JSON.encode(form_of(replace(record, id=record_id)))

    async def append(self) -> None:
        record_id = RecordId(self.ask.identifiers.next())
        await self.records.append(
            AppendRecord(
                tenant_id=self.ask.tenant_id,
                record_id=record_id,
                request_id=str(record_id),
                digest=b"",
                body=self.body(record_id),
                nonce=bytes(16),
            )
        )


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_or_none(request: pytest.FixtureRequest) -> Database | None:
    """A new database: sealers look at all tenants."""
    if request.param == "inmemory":
        return None
    database: Database = request.getfixturevalue("fresh_database")
    return database


@pytest.fixture
async def archive(ask: Commands, database_or_none: Database | None) -> AsyncGenerator[Archive]:
    if database_or_none is None:
        store, clock = InMemoryStore(), StoppedClock()
        both = InMemoryRecords(store, clock)
        administrator = InMemoryAdministrator(store, clock)
        await administrator.open_tenant(ask.tenant_id)
        await administrator.open_session(ask.session())
        journal = InMemoryTurnJournal(store=store, clock=clock, server_id=ONE)
        yield Archive(journal=journal, records=both, chains=both, ask=ask)
        return
    async with postgres_kernel(database_or_none) as kernel:
        await kernel.administrator.open_tenant(ask.tenant_id)
        await kernel.administrator.open_session(ask.session())
        yield Archive(
            journal=kernel.one.journal,
            records=PostgresRecords(database_or_none),
            chains=chains_in(database_or_none),
            ask=ask,
        )


async def test_a_turns_record_names_its_turn(archive: Archive) -> None:
    finish = await archive.finished(await archive.accepted())

    found = await archive.records.record(archive.ask.tenant_id, finish.record_id)

    assert (found.turn_id, found.body, found.nonce) == (
        finish.turn_id,
        finish.record,
        finish.nonce,
    )


async def test_turns_and_others_share_one_chain(archive: Archive) -> None:
    await archive.append()
    await archive.finished(await archive.accepted())
    await archive.append()
    await archive.finished(await archive.accepted())

    await SealRecords(chains=archive.chains, signer=SIGNER, bell=SilentBell())()

    tenant_id = archive.ask.tenant_id
    listed = await archive.records.records(tenant_id, after=0, limit=10)
    receipts = [await archive.records.receipt(tenant_id, one.id) for one in listed]
    found = [receipt for receipt in receipts if receipt is not None]
    assert [receipt.position for receipt in found] == [1, 2, 3, 4]
    assert verify(found).valid
