"""Hold what a tool call by itself costs, before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from application.budget.ports import Budgets, ReserveHolds
from application.kernel.ports import IdentifierSource
from domain.budget.account import Hold
from domain.budget.reservation import ReservationState
from domain.kernel.identifiers import ReservationId, TenantId

RESERVED_SECONDS: Final = 600.0
"""How long a call's reservation is kept when nobody settles it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveCall:
    """Once per request id. One that lapsed before its call was started is made anew.

    One that is settled is answered as it is: its call was made, and no other starts on it.
    """

    budgets: Budgets
    identifiers: IdentifierSource

    async def __call__(
        self, tenant_id: TenantId, request_id: str, digest: bytes, holds: Sequence[Hold]
    ) -> ReservationId:
        """Reserve.

        Raises:
            BudgetExhaustedError: A limit leaves no room for the call.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        asked = ReserveHolds(
            tenant_id=tenant_id,
            reservation_id=ReservationId(self.identifiers.next()),
            request_id=request_id,
            digest=digest,
            holds=tuple(holds),
            seconds=RESERVED_SECONDS,
        )
        held = await self.budgets.reserve(asked)
        while held.state is ReservationState.RELEASED:
            # Without this a call would run on a hold that was given back, and go unbilled.
            asked = replace(
                asked,
                reservation_id=ReservationId(self.identifiers.next()),
                request_id=f"{request_id}/{held.id}",
            )
            held = await self.budgets.reserve(asked)
        return held.id
