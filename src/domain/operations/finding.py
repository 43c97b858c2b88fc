"""What must not exist, and does: what a reconciliation finds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from domain.kernel.identifiers import TenantId


class FindingKind(StrEnum):
    """What is wrong; each names what its `reference` is."""

    TURN_OVERDUE = "turn_overdue"
    """A turn runs though its deadline and a lease after it are over."""
    RESERVATION_OVERDUE = "reservation_overdue"
    """A reservation is held though its time is over."""
    CALL_OVERDUE = "call_overdue"
    """A call that a client made by itself is started though its lease is over."""
    EVENT_OVERDUE = "event_overdue"
    """The events of a key wait to be published; the reference is the oldest of them."""
    RECORD_OVERDUE = "record_overdue"
    """The records of a tenant wait for their seals; the reference is the first of them."""
    HELD_UNEQUAL = "held_unequal"
    """What an account holds is not the sum of the holds of what is open."""
    SPENT_UNEQUAL = "spent_unequal"
    """What an account has spent is not the sum of its ledger lines."""
    USAGE_UNEQUAL = "usage_unequal"
    """The ledger lines of a turn, call or reservation are not what its usage events tell."""
    TURN_UNRECORDED = "turn_unrecorded"
    """A turn has ended without a record."""
    CALL_UNENDED = "call_unended"
    """A call of a tool is started though its turn has ended."""
    CALL_WITHOUT_TURN = "call_without_turn"
    """A call of a tool belongs to a turn that is not there."""
    EVENT_MISSING = "event_missing"
    """The numbers of a key's events have a gap, or one twice; the reference is the key."""
    RECORD_MISSING = "record_missing"
    """The positions of a tenant's chain have a gap, or one twice; the reference is the tenant."""


class Scope(StrEnum):
    """How far a reconciliation looks."""

    RECENT = "recent"
    """What is open, and what was accepted of late."""
    WHOLE = "whole"
    """Everything that is kept, the sums of whole months included."""


class Look(StrEnum):
    """What a reconciliation looks at, one after the other: each may fail by itself."""

    OVERDUE = "overdue"
    """What of all tenants is open, unpublished or unsealed for too long."""
    TURNS = "turns"
    """A tenant's turns and their calls."""
    SEQUENCES = "sequences"
    """The numbers of a tenant's events, and the positions of its records."""
    USAGE = "usage"
    """A tenant's ledger against its usage events."""
    ACCOUNTS = "accounts"
    """A tenant's accounts against what is open, and against its ledger."""


OF_TENANT: Final = (Look.TURNS, Look.SEQUENCES, Look.USAGE, Look.ACCOUNTS)
"""What is looked at for each tenant."""

KINDS: Final[Mapping[Look, frozenset[FindingKind]]] = MappingProxyType(
    {
        Look.OVERDUE: frozenset(
            {
                FindingKind.TURN_OVERDUE,
                FindingKind.RESERVATION_OVERDUE,
                FindingKind.CALL_OVERDUE,
                FindingKind.EVENT_OVERDUE,
                FindingKind.RECORD_OVERDUE,
            }
        ),
        Look.TURNS: frozenset(
            {
                FindingKind.TURN_UNRECORDED,
                FindingKind.CALL_UNENDED,
                FindingKind.CALL_WITHOUT_TURN,
            }
        ),
        Look.SEQUENCES: frozenset({FindingKind.EVENT_MISSING, FindingKind.RECORD_MISSING}),
        Look.USAGE: frozenset({FindingKind.USAGE_UNEQUAL}),
        Look.ACCOUNTS: frozenset({FindingKind.HELD_UNEQUAL, FindingKind.SPENT_UNEQUAL}),
    }
)
"""What each look may find."""

AT_ONCE: Final = KINDS[Look.OVERDUE] | {FindingKind.HELD_UNEQUAL}
"""What every reconciliation looks for everywhere: not seen again, it is over."""


def judged(scope: Scope) -> frozenset[FindingKind]:
    """The kinds whose findings are over when a reconciliation of this scope does not see them."""
    return frozenset(FindingKind) if scope is Scope.WHOLE else AT_ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with what `reference` names, in figures; `repaired` when it no longer is."""

    kind: FindingKind
    tenant_id: TenantId
    reference: str
    detail: str
    repaired: bool = False

    def repair(self) -> Self:
        return replace(self, repaired=True)
