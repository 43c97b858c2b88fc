"""Turns that wait for people, and turns of lost servers: commands that go by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar, final

from psycopg.rows import class_row

from adapters.postgres.batches import Outcome
from adapters.postgres.command_rows import (
    InvocationObject,
    at_index,
    event_batch,
    invocation_objects,
)
from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.packing import microseconds
from adapters.postgres.turn_codec import encode, encode_checkpoint, encode_outcome
from application.conversation.ports.journal import Grant, PauseTurn, ResumeTurn, TakeOnTurn
from domain.budget.account import Hold, Use
from domain.budget.granting import merged, refusal_of, summed
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import ServerId, TenantId, TurnId

CEILING: Final = 1000
"""How far a turn's sequence ceiling is put above the last number that may have been shown."""

_PATIENCE: Final = timedelta(seconds=5)
"""How long a command by itself waits for its tenant's row."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class _Granted:
    outcome: int
    refused: int | None
    remaining: int | None
    lease_ms: int | None
    ceiling: int | None
    first_sequence: int | None


@dataclass(frozen=True, slots=True)
class _Standing:
    state: int | None
    fence: int
    lease_ms: int
    ceiling: int
    first_sequence: int
    awaits_driver: bool | None


@dataclass(frozen=True, slots=True)
class _Paused:
    outcome: int


@final
@dataclass(frozen=True, slots=True)
class Interruptions:
    """The commands of a journal that let a turn stop, and go on elsewhere."""

    database: Database
    outgoing: Outgoing
    server_id: ServerId
    lease_seconds: float

    async def pause(self, command: PauseTurn) -> None:
        first, last, events = event_batch(command.events)
        parameters: dict[str, object] = {
            "tenant": command.tenant_id,
            "turn": command.turn_id,
            "fence": command.fence,
            "outcome": encode_outcome(command.usage, None),
            "checkpoint": encode_checkpoint(command.checkpoint),
            "first": first,
            "last": last,
            "batch": events,
            **_uses(command.uses),
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
            "fence": command.fence,
            "owner": self.server_id,
            "lease": timedelta(seconds=self.lease_seconds),
            "seconds": command.seconds,
            "above": CEILING,
            **_holds(holds),
            "undecided": [call for call, _ in command.undecided],
            **self._events((command.event, *(event for _, event in command.undecided))),
        }
        resumed = await self._alone(_Granted, _RESUME, parameters)
        return _grant(resumed, command.turn_id, command.fence + 1, holds)

    async def take_on(self, command: TakeOnTurn) -> Grant:
        first, last, void = event_batch(() if command.void is None else (command.void,))
        holds = merged(command.holds)
        parameters: dict[str, object] = {
            "tenant": command.tenant_id,
            "turn": command.turn_id,
            "fence": command.fence,
            "step": command.step,
            "lease": timedelta(seconds=self.lease_seconds),
            "progressed": command.progressed,
            "outcome": encode_outcome(command.usage, None),
            "checkpoint": encode_checkpoint(command.checkpoint),
            "first": first,
            "last": last,
            "batch": void,
            "invocations": _together(invocation_objects(command.made)),
            **_uses(command.uses),
            **_holds(holds),
            **self._events(command.outgoing),
        }
        taken = await self._alone(_Granted, _TAKE_ON, parameters)
        return _grant(taken, command.turn_id, command.fence, holds)

    async def accepted(self, tenant_id: TenantId, turn_id: TurnId, *, own: bool) -> Grant:
        """A turn as it stands, for whoever asks again to accept it.

        One that is the asker's `own` is new to him, unless others have it: it was taken over, or it
        was promoted meanwhile and is started as promoted turns are, after what was said before it,
        or was so started: its driver's first act has raised the ceiling.
        """
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Standing))
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
            earlier=not own or row.fence > 1 or bool(row.awaits_driver) or row.ceiling > CEILING,
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


def _grant(granted: _Granted, turn_id: TurnId, fence: int, holds: Sequence[Hold]) -> Grant:
    """What a command granted, under the fence that it gave or kept, as it told by itself.

    Raises:
        BudgetExhaustedError, AccountNotFoundError: A hold was refused.
        StaleFenceError: The turn is not the command's.
    """
    if granted.refused is not None:
        raise refusal_of(holds[granted.refused - 1], granted.remaining)
    if granted.lease_ms is None or granted.ceiling is None or granted.first_sequence is None:
        raise StaleFenceError(str(turn_id))
    return Grant(
        turn_id=turn_id,
        state=TurnState.RUNNING,
        fence=fence,
        lease_seconds=granted.lease_ms / 1000,
        ceiling=granted.ceiling,
        first_sequence=granted.first_sequence,
        earlier=granted.outcome == Outcome.EARLIER,
    )


def _together(invocations: Sequence[InvocationObject]) -> str | None:
    data = at_index([invocations], partial(encode, "invocations"))
    return None if data is None else data.decode()


def _uses(uses: Sequence[Use]) -> dict[str, object]:
    merged_uses = summed(uses)
    return {
        "use_metrics": [use.metric.code for use in merged_uses],
        "use_amounts": [use.amount for use in merged_uses],
        "use_prices": [use.price_version for use in merged_uses],
    }


def _holds(holds: Sequence[Hold]) -> dict[str, object]:
    return {
        "accounts": [hold.account_id for hold in holds],
        "metrics": [hold.metric.code for hold in holds],
        "amounts": [hold.amount for hold in holds],
        "required": [hold.required for hold in holds],
    }


_PAUSE: Final = b"""
select pause_turn(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(turn)s, %(fence)s,
    %(outcome)s, %(checkpoint)s, %(first)s, %(last)s, %(batch)s,
    %(use_metrics)s::smallint[], %(use_amounts)s::bigint[], %(use_prices)s::integer[],
    %(events)s::uuid[], %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[],
    %(times)s::bigint[], %(payloads)s::bytea[], %(invocations)s::json) as outcome
"""
_RESUME: Final = b"""
select outcome, refused, remaining, lease_ms, ceiling, first_sequence from resume_turn(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(turn)s, %(fence)s,
    %(owner)s, %(lease)s, %(seconds)s, %(above)s,
    %(accounts)s::uuid[], %(metrics)s::smallint[], %(amounts)s::bigint[], %(required)s::boolean[],
    %(undecided)s::uuid[],
    %(events)s::uuid[], %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[],
    %(times)s::bigint[], %(payloads)s::bytea[])
"""
_TAKE_ON: Final = b"""
select outcome, refused, remaining, lease_ms, ceiling, first_sequence from take_on_turn(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(turn)s, %(fence)s,
    %(step)s, %(lease)s, %(progressed)s, %(outcome)s, %(checkpoint)s,
    %(first)s, %(last)s, %(batch)s,
    %(use_metrics)s::smallint[], %(use_amounts)s::bigint[], %(use_prices)s::integer[],
    %(accounts)s::uuid[], %(metrics)s::smallint[], %(amounts)s::bigint[], %(required)s::boolean[],
    %(events)s::uuid[], %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[],
    %(times)s::bigint[], %(payloads)s::bytea[], %(invocations)s::json)
"""
_GRANT: Final = b"select * from read_grant(%s, %s)"
