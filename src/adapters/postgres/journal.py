"""The turn journal in PostgreSQL."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import final

from adapters.postgres.batches import ACCEPT, EXTEND, FINISH, Answer, Job, Outcome, Terms
from adapters.postgres.command_rows import (
    accept_row,
    extend_row,
    finish_row,
    hold_rows,
    invocation_objects,
    use_rows,
)
from adapters.postgres.database import Database
from adapters.postgres.interruptions import CEILING, Interruptions
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.writer import Writer, WriterSettings
from application.conversation.ports.journal import (
    AcceptTurn,
    ExtendTurn,
    Finished,
    FinishTurn,
    Grant,
    PauseTurn,
    ResumeTurn,
    TakeOnTurn,
)
from domain.budget.account import Hold
from domain.budget.granting import merged, refusal_of, summed
from domain.conversation.errors import (
    SessionBusyError,
    SessionMovedError,
    SessionNotFoundError,
    StaleFenceError,
)
from domain.conversation.turn import TurnState
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import ServerId, TurnId


@final
@dataclass(frozen=True, slots=True)
class PostgresTurnJournal:
    """The journal of one server.

    Accepts, rounds and finishes go through its writer, many at once; what is rare goes by itself.
    """

    database: Database
    writer: Writer
    outgoing: Outgoing
    server_id: ServerId
    lease_seconds: float

    @property
    def _interruptions(self) -> Interruptions:
        return Interruptions(self.database, self.outgoing, self.server_id, self.lease_seconds)

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
                # After a lost answer the writer sends a command again.
                known = TurnId(answer.turn)
                own = known == command.turn_id
                return await self._interruptions.accepted(command.tenant_id, known, own=own)
            case Outcome.KEY_REUSED:
                raise IdempotencyKeyReusedError(command.request_id)
            case Outcome.MOVED:
                raise SessionMovedError(str(command.session_id))
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

    async def pause(self, command: PauseTurn) -> None:
        await self._interruptions.pause(command)

    async def resume(self, command: ResumeTurn) -> Grant:
        return await self._interruptions.resume(command)

    async def take_on(self, command: TakeOnTurn) -> Grant:
        return await self._interruptions.take_on(command)

    async def finish(self, command: FinishTurn) -> Finished:
        if not command.state.final:
            raise StaleFenceError(str(command.turn_id))
        given_up = (event for _, event in command.undecided)
        answer = await self.writer.write(
            Job(
                FINISH,
                command.tenant_id.bytes,
                command.turn_id.bytes,
                finish_row(command),
                uses=use_rows(summed(command.uses)),
                events=[self.outgoing.row(event) for event in (*given_up, *command.outgoing)],
                invocations=invocation_objects(command.made),
                undecided=[(event.id.bytes, call.bytes) for call, event in command.undecided],
            )
        )
        if answer.outcome not in (Outcome.DONE, Outcome.EARLIER):
            raise StaleFenceError(str(command.turn_id))
        if answer.turn is None or answer.owner is None:
            return Finished()
        return Finished(TurnId(answer.turn), ServerId(answer.owner))


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
