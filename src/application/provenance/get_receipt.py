"""Hand out a record's receipt, a moment after its turn if need be."""

from dataclasses import dataclass
from typing import Final, final

from application.kernel.ports import Clock
from application.provenance.ports import Records, SealBell
from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.errors import RecordNotSealedError
from domain.provenance.receipt import Receipt

PATIENCE_SECONDS: Final = 1.0
LOOK_AGAIN_SECONDS: Final = 0.1
"""How long a seal written by another server can go unseen."""


@dataclass(frozen=True, slots=True)
class GetReceiptQuery:
    tenant_id: TenantId
    record_id: RecordId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GetReceipt:
    """A record with its seal. Waits for the sealer, which takes less than a second as a rule."""

    records: Records
    bell: SealBell
    clock: Clock

    async def __call__(self, query: GetReceiptQuery) -> Receipt:
        """Read the receipt.

        Raises:
            RecordNotFoundError: No such record of this tenant.
            RecordNotSealedError: Not sealed within a second; with when to ask again.
        """
        end = self.clock.monotonic() + PATIENCE_SECONDS
        while True:
            receipt = await self.records.receipt(query.tenant_id, query.record_id)
            if receipt is not None:
                return receipt
            left = end - self.clock.monotonic()
            if left <= 0:
                raise RecordNotSealedError(str(query.record_id))
            self.bell.record_written()
            await self.bell.next_seal(min(left, LOOK_AGAIN_SECONDS))
