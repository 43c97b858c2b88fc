from dataclasses import replace

import pytest

from adapters.inmemory.records import InMemoryRecords
from adapters.inmemory.store import InMemoryStore
from application.provenance.get_record import (
    GetRecord,
    GetRecordQuery,
    ListRecords,
    ListRecordsQuery,
)
from application.provenance.record_provenance import RecordProvenance, RecordProvenanceCommand
from domain.kernel.errors import IdempotencyKeyReusedError, InvalidArgumentError
from domain.provenance.errors import RecordNotFoundError
from domain.provenance.salted_hash import SaltedHash, discloses
from tests.builders import OTHER_TENANT, TENANT
from tests.fakes import NOON, CountingIdentifiers, StoppedClock
from tests.receipts import JSON, SilentBell

COMMAND = RecordProvenanceCommand(
    tenant_id=TENANT,
    subject="ada@example.org",
    request_id="0198f2a0-0000-7000-8000-000000000001",
    action="invoice.approved",
    resource="invoices/7",
    facts={"amount": "12.50"},
    outcome="completed",
    started_at=NOON,
    finished_at=NOON,
    input=b"the invoice of Ada Lovelace",
)


def recording(kept: InMemoryRecords, bell: SilentBell | None = None) -> RecordProvenance:
    return RecordProvenance(
        records=kept, json=JSON, identifiers=CountingIdentifiers(), bell=bell or SilentBell()
    )


@pytest.fixture
def kept() -> InMemoryRecords:
    return InMemoryRecords(InMemoryStore(), StoppedClock())


class TestRecordProvenance:
    async def test_takes_the_next_position(self, kept: InMemoryRecords) -> None:
        record = recording(kept)

        first = await record(COMMAND)
        second = await record(replace(COMMAND, request_id="another"))

        assert (first.position, second.position) == (1, 2)

    async def test_holds_nothing_personal(self, kept: InMemoryRecords) -> None:
        stored = await recording(kept)(COMMAND)

        assert b"ada" not in stored.body.lower()

    async def test_holds_the_salted_hash_of_its_content(self, kept: InMemoryRecords) -> None:
        stored = await recording(kept)(COMMAND)

        form = JSON.decode(stored.body)
        assert isinstance(form, dict)
        external = form["external"]
        assert isinstance(external, dict)
        assert stored.nonce is not None
        claimed = SaltedHash(bytes.fromhex(str(external["input"])))
        assert discloses(stored.nonce, b"the invoice of Ada Lovelace", claimed)
        assert external["output"] is None

    async def test_answers_the_same_request_with_the_first_record(
        self, kept: InMemoryRecords
    ) -> None:
        record = recording(kept)

        first, again = await record(COMMAND), await record(COMMAND)

        assert again == first

    async def test_refuses_other_content_under_the_same_request(
        self, kept: InMemoryRecords
    ) -> None:
        record = recording(kept)
        await record(COMMAND)

        for other in (
            replace(COMMAND, input=b"another"),
            replace(COMMAND, facts={}),
            replace(COMMAND, subject="eve"),
        ):
            with pytest.raises(IdempotencyKeyReusedError):
                await record(other)

    @pytest.mark.parametrize(
        "bad",
        [
            replace(COMMAND, facts={"note": "ada@example.org"}),
            replace(COMMAND, input=bytes(1024 * 1024 + 1)),
            replace(COMMAND, outcome="maybe"),
        ],
    )
    async def test_refused_records_leave_nothing(
        self, kept: InMemoryRecords, bad: RecordProvenanceCommand
    ) -> None:
        with pytest.raises(InvalidArgumentError):
            await recording(kept)(bad)

        assert await kept.records(TENANT, after=0, limit=1) == []

    async def test_wakes_the_sealer(self, kept: InMemoryRecords) -> None:
        bell = SilentBell()

        await recording(kept, bell)(COMMAND)

        assert bell.records == 1


class TestReadingRecords:
    async def test_a_record_is_found_by_its_tenant_alone(self, kept: InMemoryRecords) -> None:
        stored = await recording(kept)(COMMAND)
        get_record = GetRecord(records=kept)

        assert await get_record(GetRecordQuery(TENANT, stored.id)) == stored
        with pytest.raises(RecordNotFoundError):
            await get_record(GetRecordQuery(OTHER_TENANT, stored.id))

    async def test_a_page_goes_on_above_the_last_position(self, kept: InMemoryRecords) -> None:
        record = recording(kept)
        for number in range(3):
            await record(replace(COMMAND, request_id=str(number)))

        page = await ListRecords(records=kept)(ListRecordsQuery(TENANT, after=1, limit=5))

        assert [one.position for one in page] == [2, 3]
