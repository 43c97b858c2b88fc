"""The turn journal in PostgreSQL."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar, final

from psycopg.rows import class_row

from adapters.postgres.batches import ACCEPT, EXTEND, FINISH, Answer, Job, Outcome, Terms
from adapters.postgres.command_rows import (
    InvocationObject,
    accept_row,
    at_index,
    event_batch,
    extend_row,
    finish_row,
    hold_rows,
    invocation_objects,
    use_rows,
)
from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.packing import microseconds
from adapters.postgres.turn_codec import encode, encode_checkpoint, encode_outcome
from adapters.postgres.writer import Writer, WriterSettings
from application.conversation.ports.journal import (
    AcceptTurn,
    ExtendTurn,
    Finished,
    FinishTurn,
    Grant,
    PauseTurn,
    ResumeTurn,
)
from domain.budget.account import Hold
from domain.budget.granting import merged, refusal_of, summed
from domain.conversation.errors import SessionBusyError, SessionNotFoundError, StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.errors import IdempotencyKeyReusedError, StorageUnavailableError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import ServerId, TenantId, TurnId

CEILING: Final = 1000
"""How far a turn's sequence ceiling is put above the last number that may have been shown."""

_PATIENCE: Final = timedelta(seconds=5)
"""How long a command by itself waits for its tenant's row."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class _Resumed:
    outcome: int
    refused: int | None
    remaining: int | None


@dataclass(frozen=True, slots=True)
class _Granted:
    state: int | None
    fence: int
    lease_ms: int
    ceiling: int
    first_sequence: int


@dataclass(frozen=True, slots=True)
class _Paused:
    outcome: int


@final
@dataclass(frozen=True, slots=True)
class PostgresTurnJournal:
    """The journal of one server.

    Accepts, rounds and finishes go through its writer, many at once; pauses and resumptions, which
    are rare, go by themselves.
    """

    database: Database
    writer: Writer
    outgoing: Outgoing
    server_id: ServerId
    lease_seconds: float

    async def accept(self, command: AcceptTurn) -> Grant:
        holds = merged(command.holds)
        answer = await self.writer.write(
            Job(
                ACCEPT,
                command.tenant_id.bytes,
                command.turn_id.bytes,
                accept_row(command, self.outgoing),
                holds=hold_rows(holds),
            )
        )
        match answer.outcome:
            case Outcome.DONE:
                return _grant(command.turn_id, TurnState.RUNNING, answer.lease_ms)
            case Outcome.QUEUED:
                return _grant(command.turn_id, TurnState.QUEUED, 0)
            case Outcome.EARLIER if answer.turn is not None:
                grant = await self._earlier(command.tenant_id, TurnId(answer.turn))
                # After a lost answer the writer sends a command again: its own turn is new.
                return replace(grant, earlier=grant.turn_id != command.turn_id or grant.fence > 1)
            case Outcome.KEY_REUSED:
                raise IdempotencyKeyReusedError(command.request_id)
            case Outcome.SESSION_BUSY:
                raise SessionBusyError(str(command.session_id))
            case _:
                _refuse_hold(holds, answer)
                raise SessionNotFoundError(str(command.session_id))

    async def extend(self, command: ExtendTurn) -> float:
        holds = merged(command.holds)
        answer = await self.writer.write(
            Job(
                EXTEND,
                command.tenant_id.bytes,
                command.turn_id.bytes,
                extend_row(command),
                holds=hold_rows(holds),
                invocations=invocation_objects((*command.started, *command.made)),
            )
        )
        if answer.outcome in (Outcome.DONE, Outcome.EARLIER):
            return answer.lease_ms / 1000
        _refuse_hold(holds, answer)
        raise StaleFenceError(str(command.turn_id))

    async def finish(self, command: FinishTurn) -> Finished:
        if not command.state.final:
            raise StaleFenceError(str(command.turn_id))
        answer = await self.writer.write(
            Job(
                FINISH,
                command.tenant_id.bytes,
                command.turn_id.bytes,
                finish_row(command),
                uses=use_rows(summed(command.uses)),
                events=[self.outgoing.row(event) for event in command.outgoing],
                invocations=invocation_objects(command.made),
            )
        )
        if answer.outcome not in (Outcome.DONE, Outcome.EARLIER):
            raise StaleFenceError(str(command.turn_id))
        if answer.turn is None or answer.owner is None:
            return Finished()
        return Finished(TurnId(answer.turn), ServerId(answer.owner))

    async def pause(self, command: PauseTurn) -> None:
        first, last, events = event_batch(command.events)
        uses = summed(command.uses)
        parameters: dict[str, object] = {
            "tenant": command.tenant_id,
            "turn": command.turn_id,
            "fence": command.fence,
            "outcome": encode_outcome(command.usage, None),
            "checkpoint": encode_checkpoint(command.checkpoint),
            "first": first,
            "last": last,
            "batch": events,
            "use_metrics": [use.metric.code for use in uses],
            "use_amounts": [use.amount for use in uses],
            "use_prices": [use.price_version for use in uses],
            "invocations": _together(invocation_objects((*command.made, *command.waiting))),
            **self._events(command.outgoing),
        }
        paused = await self._alone(_Paused, _PAUSE, parameters)
        if paused.outcome not in (Outcome.DONE, Outcome.EARLIER):
            raise StaleFenceError(str(command.turn_id))

    async def resume(self, command: ResumeTurn) -> Grant:
        holds = merged(command.holds)
        parameters: dict[str, object] = {
            "tenant": command.tenant_id,
            "turn": command.turn_id,
            "owner": self.server_id,
            "lease": timedelta(seconds=self.lease_seconds),
            "seconds": command.seconds,
            "above": CEILING,
            "accounts": [hold.account_id for hold in holds],
            "metrics": [hold.metric.code for hold in holds],
            "amounts": [hold.amount for hold in holds],
            "required": [hold.required for hold in holds],
            **self._events((command.event,)),
        }
        resumed = await self._alone(_Resumed, _RESUME, parameters)
        if resumed.refused is not None:
            raise refusal_of(holds[resumed.refused - 1], resumed.remaining)
        if resumed.outcome not in (Outcome.DONE, Outcome.EARLIER):
            raise StaleFenceError(str(command.turn_id))
        grant = await self._earlier(command.tenant_id, command.turn_id)
        return replace(grant, earlier=resumed.outcome == Outcome.EARLIER)

    async def _earlier(self, tenant_id: TenantId, turn_id: TurnId) -> Grant:
        """A turn as it stands, for whoever asks again."""
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Granted))
            (row,) = await (await cursor.execute(_GRANT, (tenant_id, turn_id))).fetchall()
        if row.state is None:
            raise StaleFenceError(str(turn_id))
        return Grant(
            turn_id=turn_id,
            state=TurnState(row.state),
            fence=row.fence,
            lease_seconds=row.lease_ms / 1000,
            ceiling=row.ceiling,
            first_sequence=row.first_sequence,
            earlier=True,
        )

    def _events(self, events: Sequence[DomainEvent]) -> dict[str, object]:
        rows = [self.outgoing.encode(event) for event in events]
        return {
            "events": [event.id for event in events],
            "keys": [event.key for event in events],
            "types": [kind for kind, _ in rows],
            "traces": [self.outgoing.traceparent() for _ in events],
            "times": [microseconds(event.occurred_at) for event in events],
            "payloads": [payload for _, payload in rows],
        }

    async def _alone(self, kind: type[_Row], sql: bytes, parameters: dict[str, object]) -> _Row:
        """One command in a transaction of its own; sent once more when the connection was lost."""
        try:
            return await self._once(kind, sql, parameters)
        except StorageUnavailableError:
            return await self._once(kind, sql, parameters)

    async def _once(self, kind: type[_Row], sql: bytes, parameters: dict[str, object]) -> _Row:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(kind))
            await cursor.execute(sql, parameters | {"patience": _PATIENCE})
            (row,) = await cursor.fetchall()
        return row


@asynccontextmanager
async def open_turn_journal(
    database: Database,
    server_id: ServerId,
    outgoing: Outgoing,
    *,
    lease_seconds: float = 30.0,
    settings: WriterSettings = WriterSettings(),  # noqa: B008  frozen
) -> AsyncGenerator[PostgresTurnJournal]:
    """The journal of a server, with its writer running; leaving answers what still waits."""
    writer = Writer(database, Terms(server_id, lease_seconds, CEILING), settings)
    writer.start()
    try:
        yield PostgresTurnJournal(database, writer, outgoing, server_id, lease_seconds)
    finally:
        await writer.close()


def _grant(turn_id: TurnId, state: TurnState, lease_ms: int) -> Grant:
    """What a turn is granted that is accepted now: the first fence if it runs, else none yet."""
    return Grant(
        turn_id=turn_id,
        state=state,
        fence=1 if state is TurnState.RUNNING else 0,
        lease_seconds=lease_ms / 1000,
        ceiling=CEILING,
    )


def _refuse_hold(holds: Sequence[Hold], answer: Answer) -> None:
    """Raises: BudgetExhaustedError, AccountNotFoundError: A hold was refused."""
    if answer.refused_hold is not None:
        raise refusal_of(holds[answer.refused_hold], answer.remaining)


def _together(invocations: Sequence[InvocationObject]) -> str | None:
    data = at_index([invocations], partial(encode, "invocations"))
    return None if data is None else data.decode()


_PAUSE: Final = b"""
select pause_turn(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(turn)s, %(fence)s,
    %(outcome)s, %(checkpoint)s, %(first)s, %(last)s, %(batch)s,
    %(use_metrics)s::smallint[], %(use_amounts)s::bigint[], %(use_prices)s::integer[],
    %(events)s::uuid[], %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[],
    %(times)s::bigint[], %(payloads)s::bytea[], %(invocations)s::json) as outcome
"""
_RESUME: Final = b"""
select * from resume_turn(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(turn)s, %(owner)s,
    %(lease)s, %(seconds)s, %(above)s,
    %(accounts)s::uuid[], %(metrics)s::smallint[], %(amounts)s::bigint[], %(required)s::boolean[],
    %(events)s::uuid[], %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[],
    %(times)s::bigint[], %(payloads)s::bytea[])
"""
_GRANT: Final = b"select * from read_grant(%s, %s)"
