"""Two kernels to which the same is done, and what must hold after every step."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date

from domain.budget.reservation import ReservationState
from domain.conversation.session import SessionQueue
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import AccountId
from domain.kernel.metering import Metric
from tests.contract.kernel import Kernel, Snapshot
from tests.differential import steps as do
from tests.differential.answers import answer_of
from tests.differential.meaning import Call, meaning
from tests.differential.turn_commands import in_order_of_a_batch, send, together
from tests.differential.world import World

Place = tuple[AccountId, Metric, date]


@dataclass(slots=True)
class Twins:
    """`model` does one thing after the other; `subject` is held against it."""

    model: Kernel
    subject: Kernel
    world: World
    sent: list[Call] = field(default_factory=list[Call])

    async def furnish(self) -> None:
        for kernel in (self.model, self.subject):
            await self.world.furnish(kernel)
        await self._look()

    async def forget(self) -> None:
        """Leave nothing that a sweep of the next sequence would find."""
        for seats in self.world.seats:
            await self.subject.administrator.forget(seats[0].tenant_id)

    async def take(self, step: do.Step) -> None:
        """Do one step to both; their answers and all that they then have must be equal."""
        if isinstance(step, do.Together):
            expected, found = await self._together(step)
        else:
            call = self._again(step.back) if isinstance(step, do.Again) else self._new(step)
            expected = await answer_of(call(self.model))
            found = await answer_of(call(self.subject))
        assert found == expected, f"{step}: {found} where the model says {expected}"
        before = self.world.facts
        await self._look()
        for earlier, now in zip(before, self.world.facts, strict=True):
            check(now)
            if not isinstance(step, do.SetLimit | do.Again):
                check_limits(earlier, now)

    async def _together(self, step: do.Together) -> tuple[object, object]:
        commands = together(step, self.world)
        expected = dict[int, object]()
        for place, command in in_order_of_a_batch(commands):
            expected[place] = await answer_of(send(self.model.one, command))
        found = await asyncio.gather(
            *(answer_of(send(self.subject.one, command)) for command in commands)
        )
        return [expected[place] for place in range(len(commands))], found

    def _new(self, step: do.Step) -> Call:
        call = meaning(step, self.world)
        self.sent.append(call)
        return call

    def _again(self, back: int) -> Call:
        if not self.sent:
            return meaning(do.Promoted(0), self.world)
        return self.sent[-1 - back % len(self.sent)]

    async def _look(self) -> None:
        tenants = [seats[0].tenant_id for seats in self.world.seats]
        self.world.facts = [await self.model.administrator.snapshot(one) for one in tenants]
        for tenant_id, expected in zip(tenants, self.world.facts, strict=True):
            found = await self.subject.administrator.snapshot(tenant_id)
            for part in fields(Snapshot):
                there, here = getattr(found, part.name), getattr(expected, part.name)
                assert there == here, f"{part.name}: {there} where the model has {here}"


def check(facts: Snapshot) -> None:
    """What holds of a tenant at every moment, whatever was done to it."""
    held, spent = _held(facts), _spent(facts)
    for place, balance in facts.balances.items():
        assert balance.held == held[place]
        assert balance.spent == spent[place]
        assert balance.overrun <= balance.spent
    borne = Counter[tuple[AccountId, Metric]]()
    for (account_id, metric, _), balance in facts.balances.items():
        borne[account_id, metric] += balance.overrun
    assert +borne == _overrun(facts)
    ended = [row.record_id for row in facts.turns.values() if row.state.final]
    assert Counter(facts.positions) == Counter(ended)
    assert Counter(facts.keys.values()) == Counter([*facts.turns])
    for row in facts.turns.values():
        assert row.leased is (row.state is TurnState.RUNNING)
    _check_seats(facts)


def check_limits(before: Snapshot, now: Snapshot) -> None:
    """Nobody but who lowers a limit brings an account above it."""
    for place, balance in now.balances.items():
        assert balance.excess <= (before.balances[place].excess if place in before.balances else 0)


def _check_seats(facts: Snapshot) -> None:
    open_turns = {
        turn_id
        for turn_id, row in facts.turns.items()
        if row.state in {TurnState.RUNNING, TurnState.PAUSED}
    }
    queued = {turn_id for turn_id, row in facts.turns.items() if row.state is TurnState.QUEUED}
    seats: Sequence[SessionQueue] = tuple(facts.seats.values())
    assert {seat.open_turn for seat in seats if seat.open_turn is not None} == open_turns
    assert Counter(turn for seat in seats for turn in seat.waiting) == Counter(queued)


def _overrun(facts: Snapshot) -> Counter[tuple[AccountId, Metric]]:
    overrun = Counter[tuple[AccountId, Metric]]()
    for _, _, account_id, metric, amount in facts.overruns:
        overrun[account_id, metric] += amount
    return overrun


def _held(facts: Snapshot) -> Counter[Place]:
    held = Counter[Place]()
    for row in facts.turns.values():
        for (account_id, metric), amount in row.holds.items():
            held[account_id, metric, row.period] += amount
    for reservation in facts.reservations.values():
        if reservation.state is ReservationState.HELD:
            for (account_id, metric), amount in reservation.holds.items():
                held[account_id, metric, reservation.period] += amount
    return held


def _spent(facts: Snapshot) -> Counter[Place]:
    spent = Counter[Place]()
    for line in facts.ledger:
        for account_id in line.accounts:
            spent[account_id, line.metric, line.period] += line.amount
    return spent
