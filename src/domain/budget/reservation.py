"""A reservation by itself: holds in several accounts, all of them or none."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Self

from domain.budget.account import Hold
from domain.budget.errors import ReservationEndedError
from domain.budget.quantity import Quantity
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import ReservationId, TenantId


class ReservationState(IntEnum):
    """The numbers are stored."""

    HELD = 1
    SETTLED = 2
    RELEASED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Holds taken before an action. One that is not ended by `expires_at` is released.

    Once it is settled, `uses` is what was used of each metric, and `overruns` tells of each hold in
    order how much of that fitted neither the hold nor its account's limit.
    """

    id: ReservationId
    tenant_id: TenantId
    holds: tuple[Hold, ...]
    state: ReservationState
    expires_at: datetime
    uses: tuple[Quantity, ...] = ()
    overruns: tuple[int, ...] = ()

    def extends(self, taken: int, step: int) -> bool:
        """Whether a step that is asked for is the next one; False when it was taken before.

        Raises:
            ReservationEndedError: It is new, and the reservation was settled or released.
            InvalidArgumentError: It is new, and a step was left out.
        """
        if step <= taken:
            return False
        if self.state is not ReservationState.HELD:
            raise ReservationEndedError(str(self.id), self.state.name)
        if step > taken + 1:
            raise InvalidArgumentError("step", f"the next step is {taken + 1}")
        return True

    def settles(self, uses: Iterable[Quantity]) -> bool:
        """Whether a settlement that is asked for is new; False when it is the one that was made.

        Raises:
            ReservationEndedError: It was released, or settled with other amounts.
        """
        if self.state is ReservationState.HELD:
            return True
        if self.state is ReservationState.RELEASED or _used(self.uses) != _used(uses):
            raise ReservationEndedError(str(self.id), self.state.name)
        return False

    def ended(self, state: ReservationState) -> Self:
        """The reservation in the state that it ends in; itself where it ended so before.

        Raises:
            ReservationEndedError: It ended otherwise.
        """
        if self.state not in {ReservationState.HELD, state}:
            raise ReservationEndedError(str(self.id), self.state.name)
        return replace(self, state=state)


def _used(uses: Iterable[Quantity]) -> frozenset[Quantity]:
    """A metric that is not named was not used."""
    return frozenset(one for one in uses if one.amount)
