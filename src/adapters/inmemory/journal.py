"""The turn journal in process memory: the rules of the domain, one step after the other."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import final

from adapters.inmemory.interruptions import Interruptions
from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.stored_turn import SEQUENCES, StoredTurn
from adapters.inmemory.turn_rows import TurnRows, checked
from application.conversation.ports.checkpoint import Checkpoint
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
from application.kernel.ports import Clock
from domain.budget.granting import merged, summed
from domain.budget.period import period_of
from domain.conversation.errors import (
    SessionBusyError,
    SessionMovedError,
    SessionNotFoundError,
    StaleFenceError,
)
from domain.conversation.message import Role
from domain.conversation.session import Session
from domain.conversation.turn import Turn, TurnState
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import InvocationId, ServerId, TurnId
from domain.kernel.storable_text import check_storable
from domain.tools.invocation import InvocationState


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryTurnJournal:
    """The journal of one server; servers that share a store share its turns."""

    store: InMemoryStore
    clock: Clock
    server_id: ServerId
    lease_seconds: float = 30.0

    @property
    def rows(self) -> TurnRows:
        return TurnRows(store=self.store, clock=self.clock, lease_seconds=self.lease_seconds)

    @property
    def interruptions(self) -> Interruptions:
        return Interruptions(rows=self.rows, server_id=self.server_id)

    async def accept(self, command: AcceptTurn) -> Grant:
        check_storable("request_id", command.request_id)
        check_storable("text", command.order.text)
        holds = merged(command.holds)
        key = command.tenant_id, command.session_id, command.request_id
        if known := self.store.turn_requests.get(key):
            if known[0] != command.digest:
                raise IdempotencyKeyReusedError(command.request_id)
            stored = self.store.turns[command.tenant_id, known[1]]
            # Its driver's first act has raised the ceiling of one that was promoted.
            driven = stored.waits_for_driver or stored.ceiling > SEQUENCES
            again = known[1] != command.turn_id or stored.turn.fence > 1 or driven
            return self.rows.grant(stored, earlier=again)
        session = self._session_for(command)
        now = self.clock.now()
        period = period_of(now)
        binding, hold = self.store.grant(command.tenant_id, period, holds)

        hold()
        queued = session.queue.open_turn is not None
        turn = Turn(
            id=command.turn_id,
            tenant_id=command.tenant_id,
            session_id=command.session_id,
            capsule_version_id=command.capsule_version_id,
            state=TurnState.QUEUED if queued else TurnState.RUNNING,
            fence=0 if queued else 1,
            order=command.order,
            accepted_at=now,
            deadline_at=now + timedelta(seconds=command.seconds),
        )
        stored = StoredTurn(
            turn=turn,
            owner=self.server_id,
            lease_until=None if queued else self.rows.lease(),
            ceiling=SEQUENCES,
            period=period,
            holds=binding,
        )
        self.rows.keep(stored)
        self.store.turn_requests[key] = command.digest, command.turn_id
        self._seat(replace(session, queue=session.queue.join(command.turn_id)))
        self.store.say(turn, command.message_id, Role.USER, command.order.text)
        self.store.publish(command.event)
        return self.rows.grant(stored)

    async def extend(self, command: ExtendTurn) -> float:
        calls = checked((*command.started, *command.made))
        holds = merged(command.holds)
        stored = self.rows.driven(command.tenant_id, command.turn_id, command.fence)
        if command.round <= stored.round:
            return self.rows.remaining(stored)
        if command.round > stored.round + 1:
            raise StaleFenceError(str(command.turn_id))
        binding, hold = self.store.grant(command.tenant_id, stored.period, holds)

        hold()
        stored = replace(
            stored,
            round=command.round,
            checkpoint=command.checkpoint,
            holds=merged((*stored.holds, *binding)),
            lease_until=self.rows.lease(),
            waits_for_driver=False,
            take_overs=0,
        )
        self.rows.keep(stored)
        self.rows.write_down(calls)
        return self.rows.remaining(stored)

    async def pause(self, command: PauseTurn) -> None:
        await self.interruptions.pause(command)

    async def resume(self, command: ResumeTurn) -> Grant:
        return await self.interruptions.resume(command)

    async def take_on(self, command: TakeOnTurn) -> Grant:
        return await self.interruptions.take_on(command)

    async def finish(self, command: FinishTurn) -> Finished:
        if command.state is TurnState.COMPLETED:
            check_storable("answer", command.answer)
        calls = checked(command.made)
        uses = summed(command.uses)
        stored = self.rows.found(command.tenant_id, command.turn_id, command.fence)
        turn = stored.turn
        if (turn.state, turn.record_id) == (command.state, command.record_id):
            return self._finished(stored)
        if not (command.state.final and turn.state.may_become(command.state)):
            raise StaleFenceError(str(command.turn_id))

        now = self.clock.now()
        answered = command.state is TurnState.COMPLETED
        stored = replace(
            self.rows.settled(stored, uses),
            turn=replace(
                turn,
                state=command.state,
                finished_at=now,
                answer=command.answer if answered else "",
                usage=command.usage,
                failure=command.failure,
                record_id=command.record_id,
            ),
            lease_until=None,
            promoted=self._leave_session(turn),
            checkpoint=Checkpoint(),
            trace=command.trace,
        )
        self.rows.keep(stored)
        if answered:
            self.store.say(turn, command.message_id, Role.ASSISTANT, command.answer)
        self.store.show(turn, command.events)
        waiting = [event for call, event in command.undecided if self._waits(turn, call)]
        self.rows.write_down(calls)
        self.store.record(turn, command.record_id, command.record, command.nonce)
        self.store.publish(*waiting, *command.outgoing)
        return self._finished(stored)

    def _session_for(self, command: AcceptTurn) -> Session:
        session = self.store.sessions.get((command.tenant_id, command.session_id))
        if session is None or session.deleted_at is not None:
            raise SessionNotFoundError(str(command.session_id))
        if not session.queue.admits(session.max_waiting):
            raise SessionBusyError(str(command.session_id))
        last = self.store.last_event(command.tenant_id, command.session_id)
        if session.queue.open_turn is None and last > command.last_event:
            raise SessionMovedError(str(command.session_id))
        return session

    def _leave_session(self, turn: Turn) -> TurnId | None:
        """Take a turn out of its session; the turn that was promoted by that."""
        session = self.store.sessions[turn.tenant_id, turn.session_id]
        queue = session.queue.leave(turn.id)
        self._seat(replace(session, queue=queue))
        if queue.open_turn is None or queue.open_turn == session.queue.open_turn:
            return None
        head = self.store.turns[turn.tenant_id, queue.open_turn]
        running = replace(head.turn, state=TurnState.RUNNING, fence=1)
        self.rows.keep(
            replace(head, turn=running, lease_until=self.rows.lease(), waits_for_driver=True)
        )
        return queue.open_turn

    def _waits(self, turn: Turn, call: InvocationId) -> bool:
        """Whether nobody has decided about a call of the turn."""
        found = self.store.invocations_of(turn.tenant_id, turn.id)
        return any(
            one.id == call and one.state is InvocationState.PENDING_APPROVAL for one in found
        )

    def _finished(self, stored: StoredTurn) -> Finished:
        if stored.promoted is None:
            return Finished()
        head = self.store.turns[stored.turn.tenant_id, stored.promoted]
        return Finished(stored.promoted, head.owner)

    def _seat(self, session: Session) -> None:
        self.store.sessions[session.tenant_id, session.id] = session
