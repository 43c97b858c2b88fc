"""What the superuser sees of a tenant's kernel in PostgreSQL."""

from typing import LiteralString, TypeVar
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
    InvocationRow,
    LedgerRow,
    ReservationRow,
    Snapshot,
    TurnRow,
)
from tests.contract.postgres_rows import (
    ACCOUNTS,
    INVOCATIONS,
    KEYS,
    LEDGER,
    LIMITS,
    MESSAGES,
    OUTBOX,
    OVERRUNS,
    RECORDS,
    RESERVATIONS,
    SEATS,
    SEQUENCES,
    TURNS,
    Numbered,
    StoredAccount,
    StoredInvocation,
    StoredKey,
    StoredLimit,
    StoredLine,
    StoredMessage,
    StoredOverrun,
    StoredReservation,
    StoredSeat,
    StoredTurn,
)

Superuser = AsyncConnection[tuple[object, ...]]
_AnyRow = TypeVar("_AnyRow")


async def snapshot(superuser: Superuser, tenant_id: TenantId) -> Snapshot:
    records = await _rows(superuser, Numbered, RECORDS, tenant_id)
    lines = await _rows(superuser, StoredLine, LEDGER, tenant_id)
    return Snapshot(
        limits={
            (AccountId(row.account), Metric.of(row.metric)): row.amount
            for row in await _rows(superuser, StoredLimit, LIMITS, tenant_id)
        },
        balances={
            (AccountId(row.account), Metric.of(row.metric), row.period): Balance(
                row.limit_amount, row.spent, row.held, row.overrun, row.warned
            )
            for row in await _rows(superuser, StoredAccount, ACCOUNTS, tenant_id)
        },
        seats={
            SessionId(row.session): SessionQueue(
                None if row.open_turn is None else TurnId(row.open_turn),
                tuple(map(TurnId, row.waiting)),
            )
            for row in await _rows(superuser, StoredSeat, SEATS, tenant_id)
        },
        keys={
            (SessionId(row.session), row.request): TurnId(row.turn)
            for row in await _rows(superuser, StoredKey, KEYS, tenant_id)
        },
        turns={
            TurnId(row.turn): _turn_row(row)
            for row in await _rows(superuser, StoredTurn, TURNS, tenant_id)
        },
        messages={
            MessageId(row.message): (TurnId(row.turn), Role(row.role), row.content)
            for row in await _rows(superuser, StoredMessage, MESSAGES, tenant_id)
        },
        invocations={
            InvocationId(row.invocation): _invocation_row(row)
            for row in await _rows(superuser, StoredInvocation, INVOCATIONS, tenant_id)
        },
        reservations={
            ReservationId(row.reservation): ReservationRow(
                ReservationState(row.state), row.step, row.hold_period, row.holds()
            )
            for row in await _rows(superuser, StoredReservation, RESERVATIONS, tenant_id)
        },
        ledger=tuple(sorted(map(_line, lines))),
        overruns=tuple(
            sorted(
                (row.reference, row.step, AccountId(row.account), Metric.of(row.metric), row.amount)
                for row in await _rows(superuser, StoredOverrun, OVERRUNS, tenant_id)
            )
        ),
        positions=tuple(RecordId(row.id) for row in _without_gaps(records)),
        outgoing=await _outgoing(superuser, tenant_id),
    )


async def _outgoing(superuser: Superuser, tenant_id: TenantId) -> dict[UUID, tuple[UUID, ...]]:
    found = dict[UUID, list[Numbered]]()
    for row in await _rows(superuser, Numbered, OUTBOX, tenant_id):
        found.setdefault(row.key, []).append(row)
    last = {row.key: row.number for row in await _rows(superuser, Numbered, SEQUENCES, tenant_id)}
    if {key: len(rows) for key, rows in found.items()} != last:
        raise AssertionError("the counters of outgoing events and the events differ")
    return {key: tuple(row.id for row in _without_gaps(rows)) for key, rows in found.items()}


async def _rows(
    superuser: Superuser, kind: type[_AnyRow], sql: LiteralString, tenant_id: TenantId
) -> list[_AnyRow]:
    cursor = superuser.cursor(row_factory=class_row(kind))
    await cursor.execute(sql, {"tenant": tenant_id})
    return await cursor.fetchall()


def _without_gaps(rows: list[Numbered]) -> list[Numbered]:
    ordered = sorted(rows, key=lambda row: row.number)
    if [row.number for row in ordered] != list(range(1, len(ordered) + 1)):
        raise AssertionError(f"numbers with gaps: {[row.number for row in ordered]}")
    return ordered


def _turn_row(row: StoredTurn) -> TurnRow:
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
        take_overs=row.take_overs,
        taken=None if row.taken_fence is None else (row.taken_fence, row.taken_step),
    )


def _invocation_row(row: StoredInvocation) -> InvocationRow:
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


def _line(row: StoredLine) -> LedgerRow:
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
