"""Turns that wait for people, and turns of lost servers, in process memory."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import final

from adapters.inmemory.booking import Settlement
from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.stored_turn import SEQUENCES, StoredTurn
from adapters.inmemory.turn_rows import TurnRows, checked, settlement_of
from application.conversation.ports.journal import Grant, PauseTurn, ResumeTurn, TakeOnTurn
from domain.budget.account import Hold, Use
from domain.budget.granting import merged, summed
from domain.budget.period import period_of
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.errors import DomainError
from domain.kernel.identifiers import ServerId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Interruptions:
    """The commands of a journal that let a turn stop, and go on elsewhere."""

    rows: TurnRows
    server_id: ServerId

    async def pause(self, command: PauseTurn) -> None:
        calls = checked((*command.made, *command.waiting))
        uses = summed(command.uses)
        stored = self.rows.found(command.tenant_id, command.turn_id, command.fence)
        if stored.turn.state is TurnState.PAUSED:
            return
        if not stored.turn.state.may_become(TurnState.PAUSED):
            raise StaleFenceError(str(command.turn_id))

        stored = self.rows.settled(stored, uses)
        turn = replace(stored.turn, state=TurnState.PAUSED, usage=command.usage)
        self.rows.keep(
            replace(
                stored, turn=turn, lease_until=None, checkpoint=command.checkpoint, take_overs=0
            )
        )
        self.rows.store.show(turn, command.events)
        self.rows.write_down(calls)
        for event in command.outgoing:
            self.rows.store.publish(event)

    async def resume(self, command: ResumeTurn) -> Grant:
        holds = merged(command.holds)
        stored = self.rows.store.turns.get((command.tenant_id, command.turn_id))
        if stored is not None and self._resumed_here(stored, command):
            return self.rows.grant(stored, earlier=True)
        if (
            stored is None
            or (stored.turn.state, stored.turn.fence) != (TurnState.PAUSED, command.fence)
            or self.rows.store.waits(stored.turn, self.rows.clock.now())
        ):
            raise StaleFenceError(str(command.turn_id))
        now = self.rows.clock.now()
        period = period_of(now)
        binding, hold = self.rows.store.grant(command.tenant_id, period, holds)

        hold()
        expired = self.rows.store.expire_overdue(stored.turn, now)
        stored = replace(
            stored,
            turn=replace(
                stored.turn,
                state=TurnState.RUNNING,
                fence=stored.turn.fence + 1,
                deadline_at=now + timedelta(seconds=command.seconds),
            ),
            owner=self.server_id,
            lease_until=self.rows.lease(),
            ceiling=max(stored.ceiling, self.rows.last_written(stored) + SEQUENCES),
            period=period,
            holds=binding,
        )
        self.rows.keep(stored)
        told = (event for call, event in command.undecided if call in expired)
        self.rows.store.publish(command.event, *told)
        return self.rows.grant(stored)

    async def take_on(self, command: TakeOnTurn) -> Grant:
        calls = checked(command.made)
        uses, holds = summed(command.uses), merged(command.holds)
        stored = self.rows.driven(command.tenant_id, command.turn_id, command.fence)
        now = command.fence, command.step
        if stored.taken is not None and stored.taken >= now:
            return self.rows.grant(stored, earlier=True)
        period = period_of(self.rows.clock.now())
        settlement = settlement_of(stored)
        binding = _settled_and_granted(self.rows.store, settlement, uses, period, holds)

        turn = replace(stored.turn, usage=command.usage)
        stored = replace(
            stored,
            turn=turn,
            lease_until=self.rows.lease(),
            taken=now,
            take_overs=min(stored.take_overs, 1) if command.progressed else stored.take_overs,
            waits_for_driver=False,
            checkpoint=command.checkpoint,
            period=period,
            holds=binding,
            settlements=settlement.step,
        )
        self.rows.keep(stored)
        self.rows.store.show(turn, () if command.void is None else (command.void,))
        self.rows.write_down(calls)
        for event in command.outgoing:
            self.rows.store.publish(event)
        return self.rows.grant(stored)

    def _resumed_here(self, stored: StoredTurn, command: ResumeTurn) -> bool:
        """Whether this resumption is asked for again, and nobody has taken the turn over since."""
        event = command.event
        told = self.rows.store.outbox.get((event.tenant_id, event.key), [])
        return (
            (stored.turn.state, stored.turn.fence) == (TurnState.RUNNING, command.fence + 1)
            and stored.owner == self.server_id
            and any(earlier.event.id == event.id for earlier in told)
        )


def _settled_and_granted(
    store: InMemoryStore,
    settlement: Settlement,
    uses: Iterable[Use],
    period: date,
    holds: Iterable[Hold],
) -> tuple[Hold, ...]:
    """Settle a reservation and take the next, both or neither; the holds of it that bind.

    Raises:
        BudgetExhaustedError: A hold does not fit.
        AccountNotFoundError: A required hold finds no balance.
    """
    balances, lines, borne = dict(store.balances), len(store.ledger), len(store.overruns)
    store.settle(settlement, uses)
    try:
        binding, hold = store.grant(settlement.tenant_id, period, holds)
    except DomainError:
        store.balances = balances
        del store.ledger[lines:]
        del store.overruns[borne:]
        raise
    hold()
    return binding
