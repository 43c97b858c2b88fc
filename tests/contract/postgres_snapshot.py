"""What the superuser sees of a tenant's kernel in PostgreSQL."""

from dataclasses import dataclass
from datetime import date
from typing import Final, LiteralString, TypeVar
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from domain.budget.account import Balance
from domain.budget.reservation import ReservationState
from domain.conversation.message import Role
from domain.conversation.session import SessionQueue
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import (
    AccountId,
    InvocationId,
    MessageId,
    RecordId,
    ReservationId,
    ServerId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import Metric
from domain.tools.invocation import InvocationState
from tests.contract.kernel import (
    Holds,
    InvocationRow,
    LedgerRow,
    ReservationRow,
    Snapshot,
    TurnRow,
)

Superuser = AsyncConnection[tuple[object, ...]]
_AnyRow = TypeVar("_AnyRow")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    account: UUID
    metric: int
    period: date
    limit_amount: int | None
    spent: int
    held: int
    overrun: int
    warned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seat:
    session: UUID
    open_turn: UUID | None
    waiting: list[UUID]
    event_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    session: UUID
    request: str
    turn: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holds:
    hold_period: date
    hold_accounts: list[UUID]
    hold_metrics: list[int]
    hold_amounts: list[int]

    def holds(self) -> Holds:
        lines = zip(self.hold_accounts, self.hold_metrics, self.hold_amounts, strict=True)
        return {(AccountId(account), Metric.of(code)): amount for account, code, amount in lines}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn(_Holds):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    message: UUID
    turn: UUID
    role: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Invocation:
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
class _Reservation(_Holds):
    reservation: UUID
    state: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    reference: UUID
    step: int
    round: int
    metric: int
    amount: int
    price_version: int
    period: date
    accounts: list[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbered:
    """A record or an outgoing event, and its number in the chain or among those of its key."""

    key: UUID
    number: int
    id: UUID


async def snapshot(superuser: Superuser, tenant_id: TenantId) -> Snapshot:
    records = await _rows(superuser, _Numbered, _RECORDS, tenant_id)
    lines = await _rows(superuser, _Line, _LEDGER, tenant_id)
    return Snapshot(
        balances={
            (AccountId(row.account), Metric.of(row.metric), row.period): Balance(
                row.limit_amount, row.spent, row.held, row.overrun, row.warned
            )
            for row in await _rows(superuser, _Account, _ACCOUNTS, tenant_id)
        },
        seats={
            SessionId(row.session): SessionQueue(
                None if row.open_turn is None else TurnId(row.open_turn),
                tuple(map(TurnId, row.waiting)),
            )
            for row in await _rows(superuser, _Seat, _SEATS, tenant_id)
        },
        keys={
            (SessionId(row.session), row.request): TurnId(row.turn)
            for row in await _rows(superuser, _Key, _KEYS, tenant_id)
        },
        turns={
            TurnId(row.turn): _turn_row(row)
            for row in await _rows(superuser, _Turn, _TURNS, tenant_id)
        },
        messages={
            MessageId(row.message): (TurnId(row.turn), Role(row.role), row.content)
            for row in await _rows(superuser, _Message, _MESSAGES, tenant_id)
        },
        invocations={
            InvocationId(row.invocation): _invocation_row(row)
            for row in await _rows(superuser, _Invocation, _INVOCATIONS, tenant_id)
        },
        reservations={
            ReservationId(row.reservation): ReservationRow(
                ReservationState(row.state), row.step, row.hold_period, row.holds()
            )
            for row in await _rows(superuser, _Reservation, _RESERVATIONS, tenant_id)
        },
        ledger=tuple(sorted(map(_line, lines))),
        positions=tuple(RecordId(row.id) for row in _without_gaps(records)),
        outgoing=await _outgoing(superuser, tenant_id),
    )


async def _outgoing(superuser: Superuser, tenant_id: TenantId) -> dict[UUID, tuple[UUID, ...]]:
    found = dict[UUID, list[_Numbered]]()
    for row in await _rows(superuser, _Numbered, _OUTBOX, tenant_id):
        found.setdefault(row.key, []).append(row)
    last = {row.key: row.number for row in await _rows(superuser, _Numbered, _SEQUENCES, tenant_id)}
    if {key: len(rows) for key, rows in found.items()} != last:
        raise AssertionError("the counters of outgoing events and the events differ")
    return {key: tuple(row.id for row in _without_gaps(rows)) for key, rows in found.items()}


async def _rows(
    superuser: Superuser, kind: type[_AnyRow], sql: LiteralString, tenant_id: TenantId
) -> list[_AnyRow]:
    cursor = superuser.cursor(row_factory=class_row(kind))
    await cursor.execute(sql, {"tenant": tenant_id})
    return await cursor.fetchall()


def _without_gaps(rows: list[_Numbered]) -> list[_Numbered]:
    ordered = sorted(rows, key=lambda row: row.number)
    if [row.number for row in ordered] != list(range(1, len(ordered) + 1)):
        raise AssertionError(f"numbers with gaps: {[row.number for row in ordered]}")
    return ordered


def _turn_row(row: _Turn) -> TurnRow:
    return TurnRow(
        state=TurnState(row.state),
        fence=row.fence,
        owner=ServerId(row.owner),
        leased=row.leased,
        ceiling=row.ceiling,
        round=row.round,
        period=row.hold_period,
        holds=row.holds(),
        written=row.written,
        promoted=None if row.promoted is None else TurnId(row.promoted),
        record_id=None if row.record is None else RecordId(row.record),
    )


def _invocation_row(row: _Invocation) -> InvocationRow:
    return InvocationRow(
        None if row.turn is None else TurnId(row.turn),
        row.round,
        InvocationState(row.state),
        row.result,
        row.reason,
        row.decided_by,
        row.fence,
        row.leased,
    )


def _line(row: _Line) -> LedgerRow:
    return LedgerRow(
        row.reference,
        row.step,
        row.round,
        Metric.of(row.metric),
        row.amount,
        row.price_version,
        row.period,
        tuple(sorted(map(AccountId, row.accounts))),
    )


_ACCOUNTS: Final = """
select account_id as account, metric, period, limit_amount, spent, held, overrun, warned
  from accounts where tenant_id = %(tenant)s
"""
_SEATS: Final = """
select session_id as session, open_turn, waiting, event_sequence
  from sessions where tenant_id = %(tenant)s
"""
_KEYS: Final = """
select session_id as session, request_id as request, turn_id as turn
  from turn_requests where tenant_id = %(tenant)s
"""
_TURNS: Final = """
select turn_id as turn, state, fence, owner_id as owner, lease_until is not null as leased,
       sequence_ceiling as ceiling, round, hold_period, hold_accounts, hold_metrics, hold_amounts,
       last_written(tenant_id, turn_id) as written, promoted_turn as promoted, record_id as record
  from turns where tenant_id = %(tenant)s
"""
_MESSAGES: Final = """
select message_id as message, turn_id as turn, role, content
  from messages where tenant_id = %(tenant)s
"""
_INVOCATIONS: Final = """
select invocation_id as invocation, turn_id as turn, round, state, result, reason, decided_by,
       fence, lease_until is not null as leased
  from invocations where tenant_id = %(tenant)s
"""
_RESERVATIONS: Final = """
select reservation_id as reservation, state, step, hold_period, hold_accounts, hold_metrics,
       hold_amounts
  from reservations where tenant_id = %(tenant)s
"""
_LEDGER: Final = """
select reference_id as reference, step, round, metric, amount, price_version, period, accounts
  from ledger where tenant_id = %(tenant)s
"""
_RECORDS: Final = """
select tenant_id as key, position as number, record_id as id
  from records where tenant_id = %(tenant)s
"""
_OUTBOX: Final = """
select key_id as key, sequence as number, event_id as id from outbox where tenant_id = %(tenant)s
"""
_SEQUENCES: Final = """
select session_id as key, event_sequence as number, session_id as id
  from sessions where tenant_id = %(tenant)s and event_sequence > 0
 union all
select key_id, event_sequence, key_id from event_keys where tenant_id = %(tenant)s
"""
