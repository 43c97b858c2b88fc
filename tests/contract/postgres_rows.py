"""Rows of the kernel's tables as the superuser reads them, and how."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from domain.kernel.identifiers import AccountId
from domain.kernel.metering import Metric
from tests.contract.kernel import Holds


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLimit:
    account: UUID
    metric: int
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    account: UUID
    metric: int
    period: date
    limit_amount: int | None
    spent: int
    held: int
    overrun: int
    warned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSeat:
    session: UUID
    open_turn: UUID | None
    waiting: list[UUID]
    event_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    session: UUID
    request: str
    turn: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldColumns:
    hold_period: date
    hold_accounts: list[UUID]
    hold_metrics: list[int]
    hold_amounts: list[int]

    def holds(self) -> Holds:
        lines = zip(self.hold_accounts, self.hold_metrics, self.hold_amounts, strict=True)
        return {(AccountId(account), Metric.of(code)): amount for account, code, amount in lines}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTurn(HoldColumns):
    turn: UUID
    state: int
    fence: int
    owner: UUID
    leased: bool
    ceiling: int
    round: int
    written: int
    promoted: UUID | None
    record: UUID | None
    take_overs: int
    taken_fence: int | None
    taken_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOverrun:
    reference: UUID
    step: int
    account: UUID
    metric: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    message: UUID
    turn: UUID
    role: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInvocation:
    invocation: UUID
    turn: UUID | None
    round: int
    state: int
    result: str
    reason: str
    decided_by: str
    fence: int
    leased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReservation(HoldColumns):
    reservation: UUID
    state: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLine:
    reference: UUID
    step: int
    round: int
    metric: int
    amount: int
    price_version: int
    period: date
    accounts: list[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A record or an outgoing event, and its number in the chain or among those of its key."""

    key: UUID
    number: int
    id: UUID


LIMITS: Final = """
select account_id as account, metric, amount from limits where tenant_id = %(tenant)s
"""
ACCOUNTS: Final = """
select account_id as account, metric, period, limit_amount, spent, held, overrun, warned
  from accounts where tenant_id = %(tenant)s
"""
SEATS: Final = """
select session_id as session, open_turn, waiting, event_sequence
  from sessions where tenant_id = %(tenant)s
"""
KEYS: Final = """
select session_id as session, request_id as request, turn_id as turn
  from turn_requests where tenant_id = %(tenant)s
"""
TURNS: Final = """
select turn_id as turn, state, fence, owner_id as owner, lease_until is not null as leased,
       sequence_ceiling as ceiling, round, hold_period, hold_accounts, hold_metrics, hold_amounts,
       last_written(tenant_id, turn_id) as written, promoted_turn as promoted, record_id as record,
       take_overs, taken_fence, taken_step
  from turns where tenant_id = %(tenant)s
"""
MESSAGES: Final = """
select message_id as message, turn_id as turn, role, content
  from messages where tenant_id = %(tenant)s
"""
INVOCATIONS: Final = """
select invocation_id as invocation, turn_id as turn, round, state, result, reason, decided_by,
       fence, lease_until is not null as leased
  from invocations where tenant_id = %(tenant)s
"""
RESERVATIONS: Final = """
select reservation_id as reservation, state, step, hold_period, hold_accounts, hold_metrics,
       hold_amounts
  from reservations where tenant_id = %(tenant)s
"""
LEDGER: Final = """
select reference_id as reference, step, round, metric, amount, price_version, period, accounts
  from ledger where tenant_id = %(tenant)s
"""
OVERRUNS: Final = """
select reference_id as reference, step, account_id as account, metric, amount
  from overruns where tenant_id = %(tenant)s
"""
RECORDS: Final = """
select tenant_id as key, position as number, record_id as id
  from records where tenant_id = %(tenant)s
"""
OUTBOX: Final = """
select key_id as key, sequence as number, event_id as id from outbox where tenant_id = %(tenant)s
"""
SEQUENCES: Final = """
select session_id as key, event_sequence as number, session_id as id
  from sessions where tenant_id = %(tenant)s and event_sequence > 0
 union all
select key_id, event_sequence, key_id from event_keys where tenant_id = %(tenant)s
"""
