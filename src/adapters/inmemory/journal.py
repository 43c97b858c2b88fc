"""The turn journal in process memory: the rules of the domain, one step after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import final

from adapters.inmemory.store import SEQUENCES, InMemoryStore, Settlement, StoredTurn
from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.journal import (
    AcceptTurn,
    ExtendTurn,
    Finished,
    FinishTurn,
    Grant,
    PauseTurn,
    ResumeTurn,
)
from application.kernel.ports import Clock
from domain.budget.account import Use
from domain.budget.granting import merged, summed
from domain.budget.period import period_of
from domain.conversation.errors import SessionBusyError, SessionNotFoundError, StaleFenceError
from domain.conversation.message import Role
from domain.conversation.session import Session
from domain.conversation.turn import Turn, TurnState
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import ServerId, TenantId, TurnId
from domain.kernel.storable_text import check_storable
from domain.tools.invocation import Invocation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryTurnJournal:
    """The journal of one server; servers that share a store share its turns."""

    store: InMemoryStore
    clock: Clock
    server_id: ServerId
    lease_seconds: float = 30.0

    async def accept(self, command: AcceptTurn) -> Grant:
        check_storable("request_id", command.request_id)
        check_storable("text", command.order.text)
        holds = merged(command.holds)
        key = command.tenant_id, command.session_id, command.request_id
        if known := self.store.turn_requests.get(key):
            if known[0] != command.digest:
                raise IdempotencyKeyReusedError(command.request_id)
            stored = self.store.turns[command.tenant_id, known[1]]
            again = known[1] != command.turn_id or stored.turn.fence > 1
            return self._grant(stored, earlier=again)
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
            lease_until=None if queued else self._lease(),
            ceiling=SEQUENCES,
            period=period,
            holds=binding,
        )
        self._keep(stored)
        self.store.turn_requests[key] = command.digest, command.turn_id
        self._seat(replace(session, queue=session.queue.join(command.turn_id)))
        self.store.say(turn, command.message_id, Role.USER, command.order.text)
        self.store.publish(command.event)
        return self._grant(stored)

    async def extend(self, command: ExtendTurn) -> float:
        calls = _checked((*command.started, *command.made))
        holds = merged(command.holds)
        stored = self._driven(command.tenant_id, command.turn_id, command.fence)
        if command.round <= stored.round:
            return self._remaining(stored)
        if command.round > stored.round + 1:
            raise StaleFenceError(str(command.turn_id))
        binding, hold = self.store.grant(command.tenant_id, stored.period, holds)

        hold()
        stored = replace(
            stored,
            round=command.round,
            checkpoint=command.checkpoint,
            holds=merged((*stored.holds, *binding)),
            lease_until=self._lease(),
            waits_for_driver=False,
        )
        self._keep(stored)
        self._write_down(calls)
        return self._remaining(stored)

    async def pause(self, command: PauseTurn) -> None:
        calls = _checked((*command.made, *command.waiting))
        uses = summed(command.uses)
        stored = self._found(command.tenant_id, command.turn_id, command.fence)
        if stored.turn.state is TurnState.PAUSED:
            return
        if not stored.turn.state.may_become(TurnState.PAUSED):
            raise StaleFenceError(str(command.turn_id))

        stored = self._settled(stored, uses)
        turn = replace(stored.turn, state=TurnState.PAUSED, usage=command.usage)
        self._keep(replace(stored, turn=turn, lease_until=None, checkpoint=command.checkpoint))
        self.store.show(turn, command.events)
        self._write_down(calls)
        for event in command.outgoing:
            self.store.publish(event)

    async def resume(self, command: ResumeTurn) -> Grant:
        holds = merged(command.holds)
        stored = self.store.turns.get((command.tenant_id, command.turn_id))
        if stored is not None and self._resumed_here(stored, command.event):
            return self._grant(stored, earlier=True)
        if (
            stored is None
            or stored.turn.state is not TurnState.PAUSED
            or self.store.waits(stored.turn, self.clock.now())
        ):
            raise StaleFenceError(str(command.turn_id))
        now = self.clock.now()
        period = period_of(now)
        binding, hold = self.store.grant(command.tenant_id, period, holds)

        hold()
        self.store.expire_overdue(stored.turn)
        stored = replace(
            stored,
            turn=replace(
                stored.turn,
                state=TurnState.RUNNING,
                fence=stored.turn.fence + 1,
                deadline_at=now + timedelta(seconds=command.seconds),
            ),
            owner=self.server_id,
            lease_until=self._lease(),
            ceiling=max(stored.ceiling, self._last_written(stored) + SEQUENCES),
            period=period,
            holds=binding,
        )
        self._keep(stored)
        self.store.publish(command.event)
        return self._grant(stored)

    async def finish(self, command: FinishTurn) -> Finished:
        if command.state is TurnState.COMPLETED:
            check_storable("answer", command.answer)
        calls = _checked(command.made)
        uses = summed(command.uses)
        stored = self._found(command.tenant_id, command.turn_id, command.fence)
        turn = stored.turn
        if (turn.state, turn.record_id) == (command.state, command.record_id):
            return self._finished(stored)
        if not (command.state.final and turn.state.may_become(command.state)):
            raise StaleFenceError(str(command.turn_id))

        now = self.clock.now()
        answered = command.state is TurnState.COMPLETED
        stored = replace(
            self._settled(stored, uses),
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
        self._keep(stored)
        if answered:
            self.store.say(turn, command.message_id, Role.ASSISTANT, command.answer)
        self.store.show(turn, command.events)
        self._write_down(calls)
        self.store.record(turn, command.record_id, command.record, command.nonce)
        for event in command.outgoing:
            self.store.publish(event)
        return self._finished(stored)

    def _session_for(self, command: AcceptTurn) -> Session:
        session = self.store.sessions.get((command.tenant_id, command.session_id))
        if session is None or session.deleted_at is not None:
            raise SessionNotFoundError(str(command.session_id))
        if not session.queue.admits(session.max_waiting):
            raise SessionBusyError(str(command.session_id))
        return session

    def _found(self, tenant_id: TenantId, turn_id: TurnId, fence: int) -> StoredTurn:
        stored = self.store.turns.get((tenant_id, turn_id))
        if stored is None or stored.turn.fence != fence:
            raise StaleFenceError(str(turn_id))
        return stored

    def _driven(self, tenant_id: TenantId, turn_id: TurnId, fence: int) -> StoredTurn:
        stored = self._found(tenant_id, turn_id, fence)
        if stored.turn.state is not TurnState.RUNNING:
            raise StaleFenceError(str(turn_id))
        return stored

    def _resumed_here(self, stored: StoredTurn, event: DomainEvent) -> bool:
        """Whether this is the resumption that `event` tells of, asked for again."""
        told = self.store.outbox.get((event.tenant_id, event.key), [])
        return (
            stored.turn.state is TurnState.RUNNING
            and stored.owner == self.server_id
            and any(earlier.event.id == event.id for earlier in told)
        )

    def _leave_session(self, turn: Turn) -> TurnId | None:
        """Take a turn out of its session; the turn that was promoted by that."""
        session = self.store.sessions[turn.tenant_id, turn.session_id]
        queue = session.queue.leave(turn.id)
        self._seat(replace(session, queue=queue))
        if queue.open_turn is None or queue.open_turn == session.queue.open_turn:
            return None
        head = self.store.turns[turn.tenant_id, queue.open_turn]
        running = replace(head.turn, state=TurnState.RUNNING, fence=1)
        self._keep(replace(head, turn=running, lease_until=self._lease(), waits_for_driver=True))
        return queue.open_turn

    def _settled(self, stored: StoredTurn, uses: tuple[Use, ...]) -> StoredTurn:
        """The turn without its holds, which were settled with what was used since the last time."""
        settlement = Settlement(
            tenant_id=stored.turn.tenant_id,
            reference_id=stored.turn.id,
            step=stored.settlements + 1,
            round=stored.round,
            period=stored.period,
            holds=stored.holds,
        )
        self.store.settle(settlement, uses)
        return replace(stored, holds=(), settlements=settlement.step, waits_for_driver=False)

    def _finished(self, stored: StoredTurn) -> Finished:
        if stored.promoted is None:
            return Finished()
        head = self.store.turns[stored.turn.tenant_id, stored.promoted]
        return Finished(stored.promoted, head.owner)

    def _grant(self, stored: StoredTurn, *, earlier: bool = False) -> Grant:
        return Grant(
            turn_id=stored.turn.id,
            state=stored.turn.state,
            fence=stored.turn.fence,
            lease_seconds=self._remaining(stored),
            ceiling=stored.ceiling,
            first_sequence=self._last_written(stored) + 1,
            earlier=earlier,
        )

    def _lease(self) -> float:
        return self.clock.monotonic() + self.lease_seconds

    def _remaining(self, stored: StoredTurn) -> float:
        return stored.remaining(self.clock.monotonic())

    def _last_written(self, stored: StoredTurn) -> int:
        return self.store.last_written(stored.turn.tenant_id, stored.turn.id)

    def _keep(self, stored: StoredTurn) -> None:
        self.store.turns[stored.turn.tenant_id, stored.turn.id] = stored

    def _seat(self, session: Session) -> None:
        self.store.sessions[session.tenant_id, session.id] = session

    def _write_down(self, invocations: Iterable[Invocation]) -> None:
        for invocation in invocations:
            self.store.write_down(invocation)


def _checked(calls: tuple[Invocation, ...]) -> tuple[Invocation, ...]:
    for call in calls:
        call.check_texts()
    return calls
