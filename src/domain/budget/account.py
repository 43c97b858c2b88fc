"""An account: a thing that can have a limit, and what is spent and held in it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self
from uuid import UUID, uuid5

from domain.kernel.identifiers import AccountId, TenantId
from domain.kernel.metering import Metric

_NAMESPACE: Final = UUID("6f0f6c0e-6b5e-5a53-9d0a-3c8d6d1f5b2a")


class AccountKind(StrEnum):
    TENANT = "tenant"
    USER = "user"
    KEY = "key"
    SESSION = "session"
    CAPSULE = "capsule"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class Account:
    """What carries a limit. The tenant's own account has the tenant's id in text as its name."""

    kind: AccountKind
    name: str

    def id_in(self, tenant_id: TenantId) -> AccountId:
        """The account's identifier: derived, so that nobody has to look it up."""
        if self.kind is AccountKind.TENANT:
            return AccountId(tenant_id)
        return AccountId(uuid5(_NAMESPACE, f"{tenant_id}/{self.kind}/{self.name}"))


@dataclass(frozen=True, slots=True)
class Hold:
    """What a reservation keeps free in one account, in base units.

    A hold that is not `required` binds only where the account has a limit for the metric: an
    account without a row in this period is passed over. A required one must find its row.
    """

    account_id: AccountId
    metric: Metric
    amount: int
    required: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """What was used of a metric, in base units, at the prices of a version."""

    metric: Metric
    amount: int
    price_version: int


@dataclass(frozen=True, slots=True)
class Balance:
    """One account, metric and period: reservations and settlements keep `excess` at 0.

    `limit` None is unlimited. `overrun` is what settlements used beyond the limit, which the
    platform bears. `warned` is the highest of the percentages in `WARNINGS` that `spent` has passed
    in this period.
    """

    limit: int | None
    spent: int = 0
    held: int = 0
    overrun: int = 0
    warned: int = 0

    @property
    def remaining(self) -> int | None:
        """What may still be held; negative after an overrun; None when unlimited."""
        return None if self.limit is None else self.limit - self.spent - self.held

    @property
    def excess(self) -> int:
        """What is spent and held above the limit without being overrun.

        Only lowering a limit makes it more than 0; nothing else makes it grow.
        """
        if self.limit is None:
            return 0
        return max(0, self.spent + self.held - self.overrun - self.limit)

    def fits(self, amount: int) -> bool:
        return self.remaining is None or amount <= self.remaining

    def hold(self, amount: int) -> Self:
        """Keep an amount free; ask `fits` first."""
        return replace(self, held=self.held + amount)

    def release(self, held: int) -> Self:
        """End a hold of which nothing was used."""
        return replace(self, held=self.held - held)

    def settle(self, held: int, used: int) -> Self:
        """End a hold with what was used. Never fails: what does not fit becomes overrun."""
        over = 0
        if self.remaining is not None and used > held:
            over = max(0, used - held - max(0, self.remaining))
        spent = self.spent + used
        return replace(
            self,
            held=self.held - held,
            spent=spent,
            overrun=self.overrun + over,
            warned=max(self.warned, percentage_passed(self.limit, spent)),
        )

    def limited(self, limit: int | None) -> Self:
        """The same sums under another limit, which may be below them: then nothing fits."""
        return replace(self, limit=limit)


WARNINGS: Final = (95, 80)
"""The percentages of a limit whose passing is announced, once a period each, highest first."""


def percentage_passed(limit: int | None, spent: int) -> int:
    """The highest of `WARNINGS` that was reached; 0 for none, for nothing spent, and unlimited."""
    if limit is None or spent == 0:
        return 0
    return next((percent for percent in WARNINGS if spent * 100 >= limit * percent), 0)


def percentages_due(told: int, passed: int) -> tuple[int, ...]:
    """Those of `WARNINGS` above what was told, up to what was passed, ascending."""
    return tuple(sorted(percent for percent in WARNINGS if told < percent <= passed))
