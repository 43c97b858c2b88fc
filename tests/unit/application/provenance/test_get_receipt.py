from dataclasses import dataclass

import pytest

from adapters.inmemory.records import InMemoryRecords
from adapters.inmemory.store import InMemoryStore
from application.provenance.get_receipt import PATIENCE_SECONDS, GetReceipt, GetReceiptQuery
from application.provenance.ports import AppendRecord
from application.provenance.seal_records import SealRecords
from domain.provenance.errors import RecordNotFoundError, RecordNotSealedError
from tests.builders import OTHER_TENANT, TENANT
from tests.fakes import StoppedClock
from tests.receipts import SIGNER, SilentBell, body, record_id, verify


@dataclass(slots=True)
class MovingBell:
    """A bell at which waiting takes the time asked for, and at whose n-th wait a sealer comes."""

    clock: StoppedClock
    seal: SealRecords
    sealed_at_wait: int
    waits: int = 0

    def record_written(self) -> None:
        return

    def seal_written(self) -> None:
        return

    async def next_record(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def next_seal(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.waits += 1
        if self.waits == self.sealed_at_wait:
            await self.seal()


async def getting(*, sealed_at_wait: int) -> GetReceipt:
    clock = StoppedClock()
    kept = InMemoryRecords(InMemoryStore(), clock)
    await kept.append(
        AppendRecord(
            tenant_id=TENANT,
            record_id=record_id(1),
            request_id="1",
            digest=b"",
            body=body(1),
            nonce=bytes(16),
        )
    )
    seal = SealRecords(chains=kept, signer=SIGNER, bell=SilentBell())
    if sealed_at_wait == 0:
        await seal()
    return GetReceipt(records=kept, bell=MovingBell(clock, seal, sealed_at_wait), clock=clock)


class TestGetReceipt:
    @pytest.mark.parametrize("wait", [0, 1, 3])
    async def test_hands_out_a_receipt_that_holds_as_soon_as_there_is_one(self, wait: int) -> None:
        get_receipt = await getting(sealed_at_wait=wait)

        receipt = await get_receipt(GetReceiptQuery(TENANT, record_id(1)))

        assert verify((receipt,)).valid

    async def test_gives_up_after_a_second_and_says_when_to_ask_again(self) -> None:
        get_receipt = await getting(sealed_at_wait=-1)
        before = get_receipt.clock.monotonic()

        with pytest.raises(RecordNotSealedError) as refusal:
            await get_receipt(GetReceiptQuery(TENANT, record_id(1)))

        assert refusal.value.retry_after_seconds == 1.0
        assert get_receipt.clock.monotonic() - before == pytest.approx(PATIENCE_SECONDS)

    async def test_knows_no_record_of_another_tenant(self) -> None:
        get_receipt = await getting(sealed_at_wait=0)

        with pytest.raises(RecordNotFoundError):
            await get_receipt(GetReceiptQuery(OTHER_TENANT, record_id(1)))
