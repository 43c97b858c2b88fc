"""Attackers of the kernel: many turns at once from two servers, and what must add up afterwards."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Final, TypeVar

import pytest

from adapters.postgres.journal import PostgresTurnJournal
from adapters.postgres.leases import PostgresTurnLeases
from application.conversation.ports.journal import AcceptTurn, Finished, FinishTurn
from application.conversation.ports.leases import Renewal
from domain.budget.account import Hold
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import SessionBusyError, StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.errors import IdempotencyKeyReusedError, StorageUnavailableError
from domain.kernel.identifiers import SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from tests.contract.commands import Commands, shown, tokens

_Answer = TypeVar("_Answer")

REQUESTS: Final = 40


@dataclass(slots=True)
class Notes:
    """What all attackers know: which turn answered a request, and what was asked for a turn."""

    answers: dict[tuple[TenantId, SessionId, str], TurnId] = field(
        default_factory=dict[tuple[TenantId, SessionId, str], TurnId]
    )
    asked: dict[TurnId, tuple[Commands, tuple[Hold, ...]]] = field(
        default_factory=dict[TurnId, tuple[Commands, tuple[Hold, ...]]]
    )
    counts: Counter[str] = field(default_factory=Counter[str])


@dataclass(slots=True)
class Attacker:
    """One client of one server. Repeats what got no answer, as clients do."""

    random: Random
    journal: PostgresTurnJournal
    leases: PostgresTurnLeases
    sessions: tuple[Commands, ...]
    notes: Notes

    async def run(self, turns: int) -> None:
        for _ in range(turns):
            await self._one()

    async def send(self, name: str, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        while True:
            try:
                answer = await ask()
            except StorageUnavailableError:
                self.notes.counts[f"{name} unavailable"] += 1
                await asyncio.sleep(0)
            else:
                self.notes.counts[name] += 1
                return answer

    async def _one(self) -> None:
        pick = self.random
        ask = pick.choice(self.sessions)
        amount = pick.randint(1, 400)
        user = f"user {pick.randrange(4)}"
        holds = (
            ask.hold(amount),
            ask.hold(amount, user=user),
            ask.hold(1, Metric.API_CALLS),
            ask.hold(1, Metric.API_CALLS, user=user),
        )
        request = f"request {pick.randrange(REQUESTS)}"
        digest = b"other" if pick.random() < 0.05 else request.encode()
        command = ask.accept(*holds, request_id=request, digest=digest)
        copies = [command]
        if pick.random() < 0.1:
            copies.append(ask.accept(*holds, request_id=request, digest=digest))
        await asyncio.gather(*(self._accept(ask, copy) for copy in copies))

    async def _accept(self, ask: Commands, command: AcceptTurn) -> None:
        self.notes.asked[command.turn_id] = ask, command.holds
        try:
            grant = await self.send("accept", partial(self.journal.accept, command))
        except (BudgetExhaustedError, SessionBusyError, IdempotencyKeyReusedError) as refusal:
            self.notes.counts[refusal.reason] += 1
            return
        key = command.tenant_id, command.session_id, command.request_id
        assert self.notes.answers.setdefault(key, grant.turn_id) == grant.turn_id
        if grant.turn_id == command.turn_id and grant.state is TurnState.RUNNING:
            await self.drive(grant.turn_id, grant.fence)
        elif grant.state is TurnState.QUEUED and self.random.random() < 0.2:
            cancel = ask.finish(grant.turn_id, fence=0, state=TurnState.CANCELLED)
            await self._finish(cancel)

    async def drive(self, turn_id: TurnId, fence: int) -> None:
        ask, holds = self.notes.asked[turn_id]
        pick = self.random
        if pick.random() < 0.05:
            self.notes.counts["left alone"] += 1
            return
        for number in range(1, pick.choice((1, 1, 2, 3))):
            more = tuple(replace(hold, amount=hold.amount // 4) for hold in holds)
            extend = ask.extend(turn_id, *more, fence=fence, round=number)
            try:
                await self.send("extend", partial(self.journal.extend, extend))
                if pick.random() < 0.2:
                    await self.send("again", partial(self.journal.extend, extend))
            except BudgetExhaustedError:
                break
            except StaleFenceError:
                self.notes.counts["extend stale"] += 1
                return
        renewal = Renewal(ask.tenant_id, turn_id, fence, 2000)
        await self.send("renew", partial(self.leases.renew, (renewal,)))
        if pick.random() < 0.1:
            await self._refused(ask.finish(turn_id, tokens(7), fence=fence + 1))
        used = pick.randint(0, 2 * holds[0].amount) if pick.random() < 0.1 else holds[0].amount // 2
        first = fence * 1000
        command = ask.finish(
            turn_id,
            tokens(used),
            fence=fence,
            events=shown(first, first + 1),
            outgoing=pick.randrange(3),
        )
        copies = 2 if pick.random() < 0.2 else 1
        await asyncio.gather(*(self._finish(command) for _ in range(copies)))

    async def _refused(self, command: FinishTurn) -> None:
        """Ask what nobody may who does not drive the turn."""
        with pytest.raises(StaleFenceError):
            await self.send("foreign", partial(self.journal.finish, command))

    async def _finish(self, command: FinishTurn) -> None:
        try:
            finished: Finished = await self.send("finish", partial(self.journal.finish, command))
        except StaleFenceError:
            self.notes.counts["finish stale"] += 1
            return
        if finished.promoted is not None and finished.owner == self.journal.server_id:
            self.notes.counts["promoted"] += 1
            await self.drive(finished.promoted, 1)

    async def drain(self) -> int:
        """Take over what has expired, and end it; how many there were."""
        taken = await self.send("take over", partial(self.leases.take_over, 50))
        for lost in taken:
            ask, _ = self.notes.asked[lost.turn.id]
            events = shown(lost.ceiling + 1)
            command = ask.finish(
                lost.turn.id,
                tokens(3),
                fence=lost.turn.fence,
                state=TurnState.FAILED,
                events=events,
            )
            await self._finish(command)
        # One that was promoted and never driven is not lost: it is this server's to drive now.
        promoted = await self.send("promoted turns", partial(self.leases.promoted, 50))
        for turn in (one.turn for one in promoted):
            ask, _ = self.notes.asked[turn.id]
            await self._finish(ask.finish(turn.id, tokens(3), fence=turn.fence))
        return len(taken) + len(promoted)


CHECKS: Final = {
    "accounts beyond their limit": """
        select count(*) from accounts where spent + held - overrun > limit_amount""",
    "held is not the sum of open holds": """
        with open as (select tenant_id, account, metric, hold_period, sum(amount) as amount
                        from turns t, unnest(hold_accounts, hold_metrics, hold_amounts)
                             h(account, metric, amount)
                       where state < 4 group by 1, 2, 3, 4)
        select count(*) from accounts a
          left join open o on (o.tenant_id, o.account, o.metric, o.hold_period)
                            = (a.tenant_id, a.account_id, a.metric, a.period)
         where a.held <> coalesce(o.amount, 0)""",
    "spent is not the sum of the ledger": """
        with used as (select tenant_id, account, metric, period, sum(amount) as amount
                        from ledger, unnest(accounts) account group by 1, 2, 3, 4)
        select count(*) from accounts a
          left join used u on (u.tenant_id, u.account, u.metric, u.period)
                            = (a.tenant_id, a.account_id, a.metric, a.period)
         where a.spent <> coalesce(u.amount, 0)""",
    "sessions whose open turn is not the one RUNNING or PAUSED": """
        with open as (select tenant_id, session_id, array_agg(turn_id) as turns
                        from turns where state in (2, 3) group by 1, 2)
        select count(*) from sessions s left join open o using (tenant_id, session_id)
         where array_remove(array[s.open_turn], null) <> coalesce(o.turns, '{}')""",
    "sessions whose queue is not their QUEUED turns": """
        with queued as (select tenant_id, session_id, array_agg(turn_id order by turn_id) as turns
                          from turns where state = 1 group by 1, 2)
        select count(*) from sessions s left join queued q using (tenant_id, session_id)
         where (select array_agg(w order by w) from unnest(s.waiting) w)
               is distinct from q.turns""",
    "positions with gaps or twice": """
        select count(*) from tenants n
          left join (select tenant_id, count(*) as n, count(distinct position) as d,
                            max(position) as last from records group by 1) r using (tenant_id)
         where (n.record_position, n.record_position, n.record_position)
            <> (coalesce(r.n, 0), coalesce(r.d, 0), coalesce(r.last, 0))""",
    "outgoing sequences with gaps or twice": """
        select count(*) from sessions s
          left join (select tenant_id, key_id, count(*) as n, count(distinct sequence) as d,
                            max(sequence) as last from outbox group by 1, 2) o
            on (o.tenant_id, o.key_id) = (s.tenant_id, s.session_id)
         where (s.event_sequence, s.event_sequence, s.event_sequence)
            <> (coalesce(o.n, 0), coalesce(o.d, 0), coalesce(o.last, 0))""",
    "turns without one key, one question, or one record once they ended": """
        with keys as (select turn_id, count(*) as n from turn_requests group by 1),
             said as (select turn_id, count(*) as n from messages group by 1),
             kept as (select turn_id, count(*) as n from records group by 1)
        select count(*) from turns left join keys k using (turn_id) left join said s using (turn_id)
          left join kept r using (turn_id)
         where k.n is distinct from 1 or s.n is distinct from 1 + (state = 4)::int
            or coalesce(r.n, 0) <> (state > 3)::int""",
    "deadlocks": """
        select deadlocks from pg_stat_database where datname = current_database()""",
}
"""What must count nothing at any moment, each in one statement."""
