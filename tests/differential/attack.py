"""Clients of two servers that race for one tenant's last tokens, its sessions and its turns."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar

from application.budget.ports import Limit
from application.conversation.ports.journal import AcceptTurn, Grant
from domain.budget.account import Use
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import SessionBusyError, StaleFenceError
from domain.conversation.turn import Turn, TurnState
from domain.kernel.errors import DomainError
from domain.kernel.identifiers import TurnId
from domain.kernel.metering import Metric
from tests.contract.commands import Commands, tokens
from tests.contract.kernel import Kernel, Server

_Answer = TypeVar("_Answer")

REQUESTS: Final = 60
"""Request ids that clients share in each session, so that many ask for the same turn."""

EXPECTED: Final = (BudgetExhaustedError, SessionBusyError, StaleFenceError)


@dataclass(slots=True)
class Attack:
    """What was answered is kept: every answer to one request id must name the same turn."""

    kernel: Kernel
    sessions: tuple[Commands, ...]
    limit: int
    raising: asyncio.Lock = field(default_factory=asyncio.Lock)
    turns: dict[tuple[Commands, str], set[TurnId]] = field(
        default_factory=dict[tuple[Commands, str], set[TurnId]]
    )
    refusals: dict[type[DomainError], int] = field(default_factory=dict[type[DomainError], int])

    async def run(self, clients: int, rounds: int) -> None:
        chances = [Random(number) for number in range(clients)]  # noqa: S311 - to be replayed
        await asyncio.gather(*(self._client(chance, rounds) for chance in chances))

    async def _client(self, chance: Random, rounds: int) -> None:
        for _ in range(rounds):
            if chance.random() < 0.3:
                await self._reserve(chance)
            else:
                await self._converse(chance)
            if chance.random() < 0.1:
                await self._overtake(chance)
            if chance.random() < 0.1:
                await self._raise_limit()

    async def _reserve(self, chance: Random) -> None:
        ask, budgets = chance.choice(self.sessions), self.kernel.budgets
        command = ask.reserve(ask.hold(chance.randint(1, 300)))
        reservation = await self._tried(budgets.reserve(command))
        if reservation is None:
            return
        if chance.random() < 0.5:
            await budgets.release(ask.tenant_id, command.reservation_id)
        else:
            used = (tokens(chance.randint(0, command.holds[0].amount)),)
            settled = (
                budgets.settle(ask.tenant_id, command.reservation_id, used) for _ in range(2)
            )
            await asyncio.gather(*settled)

    async def _converse(self, chance: Random) -> None:
        """Ask for the same turn on both servers at once; whoever is granted it drives it."""
        ask = chance.choice(self.sessions)
        amount = chance.randint(1, 300)
        request_id = str(chance.randrange(REQUESTS))
        commands = [ask.accept(ask.hold(amount), request_id=request_id) for _ in range(2)]
        servers = [self.kernel.one, self.kernel.other]
        chance.shuffle(servers)
        await asyncio.gather(
            *(
                self._ask(ask, server, command, chance)
                for server, command in zip(servers, commands, strict=True)
            )
        )

    async def _ask(
        self, ask: Commands, server: Server, command: AcceptTurn, chance: Random
    ) -> None:
        grant = await self._tried(server.journal.accept(command))
        if grant is None:
            return
        self.turns.setdefault((ask, command.request_id), set()).add(grant.turn_id)
        if grant.state is TurnState.RUNNING and not grant.earlier:
            await self._drive(ask, server, grant, chance)

    async def _drive(self, ask: Commands, server: Server, grant: Grant, chance: Random) -> None:
        if chance.random() < 0.1:
            return
        more = ask.extend(grant.turn_id, ask.hold(chance.randint(0, 100)), fence=grant.fence)
        await self._tried(server.journal.extend(more))
        used = tokens(chance.randint(0, 500))
        if chance.random() < 0.1:
            stale = ask.finish(grant.turn_id, used, fence=grant.fence + 7)
            assert await self._tried(server.journal.finish(stale)) is None
        await self._finish(ask, grant.turn_id, grant.fence, used)

    async def _finish(self, ask: Commands, turn_id: TurnId, fence: int, *used: Use) -> None:
        """End a turn on both servers at once, and with it those that its end promotes."""
        command = ask.finish(turn_id, *used, fence=fence)
        ends = await asyncio.gather(
            *(
                self._tried(server.journal.finish(command))
                for server in (self.kernel.one, self.kernel.other)
            )
        )
        promoted = {end.promoted for end in ends if end is not None}
        assert len(promoted) <= 1
        for head in promoted:
            if head is not None:
                await self._finish(ask, head, 1, tokens(10))

    async def _overtake(self, chance: Random) -> None:
        """A server takes over what its clients have abandoned, and ends it."""
        tenant_id = self.sessions[0].tenant_id
        await self.kernel.administrator.expire_leases(tenant_id)
        server = chance.choice([self.kernel.one, self.kernel.other])
        for turn in await self._taken(server):
            await self._finish(self._asker(turn), turn.id, turn.fence, tokens(20))

    async def _taken(self, server: Server) -> Sequence[Turn]:
        """The turns that a server has from lost ones: begun, or promoted and never begun."""
        abandoned = await server.leases.take_over(100)
        return [
            *(one.turn for one in abandoned),
            *(one.turn for one in await server.leases.promoted(100)),
        ]

    def _asker(self, turn: Turn) -> Commands:
        return next(one for one in self.sessions if one.session_id == turn.session_id)

    async def _raise_limit(self) -> None:
        """Let a little more in, so that the tenant is at its limit all the while."""
        ask = self.sessions[0]
        async with self.raising:
            self.limit += 300
            limit = Limit(ask.account, Metric.TOKENS, self.limit)
            await self.kernel.budgets.set_limit(
                ask.tenant_id, limit, etag="", request=ask.request()
            )

    async def finish_all(self) -> None:
        """End what clients have left open."""
        tenant_id = self.sessions[0].tenant_id
        while True:
            await self.kernel.administrator.expire_leases(tenant_id)
            taken = await self._taken(self.kernel.one)
            if not taken:
                return
            for turn in taken:
                await self._finish(self._asker(turn), turn.id, turn.fence, tokens(0))

    async def _tried(self, call: Awaitable[_Answer]) -> _Answer | None:
        try:
            return await call
        except EXPECTED as refusal:
            self.refusals[type(refusal)] = self.refusals.get(type(refusal), 0) + 1
            return None
