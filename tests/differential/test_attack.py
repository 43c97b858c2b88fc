"""Two servers at once: nobody passes a limit, and every sum, queue and key stays right."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from application.budget.ports import Limit
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import StaleFenceError
from domain.kernel.identifiers import SessionId
from domain.kernel.metering import Metric
from tests.contract.commands import Commands
from tests.contract.kernel import Kernel
from tests.differential.attack import Attack
from tests.differential.twins import check
from tests.fakes import CountingIdentifiers

LIMIT = 3000


@pytest.fixture
async def attack(subject: Kernel, request: pytest.FixtureRequest) -> Attack:
    ask = Commands.fresh(CountingIdentifiers(request.node.nodeid))
    sessions = tuple(ask.in_session(SessionId(ask.identifiers.next())) for _ in range(12))
    await subject.administrator.open_tenant(ask.tenant_id)
    for seat in sessions:
        await subject.administrator.open_session(seat.session(max_waiting=2))
    limit = Limit(ask.account, Metric.TOKENS, LIMIT)
    await subject.budgets.set_limit(ask.tenant_id, limit, etag="", request=ask.request())
    return Attack(subject, sessions, LIMIT)


@asynccontextmanager
async def watched(attack: Attack) -> AsyncGenerator[None]:
    """Look at the balance all the while: it must be within the limit in every moment."""
    ask = attack.sessions[0]
    ended = asyncio.Event()

    async def watch() -> None:
        while not ended.is_set():
            (usage,) = await attack.kernel.budgets.usage(ask.tenant_id, ask.account_id(), None)
            assert usage.balance.excess == 0

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        ended.set()
        await watcher


@pytest.mark.postgres
async def test_racing_servers_keep_every_promise(attack: Attack) -> None:
    async with watched(attack):
        await attack.run(clients=24, rounds=20)
    await attack.finish_all()

    facts = await attack.kernel.administrator.snapshot(attack.sessions[0].tenant_id)
    check(facts)
    (balance,) = facts.balances.values()
    assert (balance.held, balance.excess) == (0, 0)
    assert all(row.state.final for row in facts.turns.values())
    assert all(len(turns) == 1 for turns in attack.turns.values())
    assert len(facts.keys) == len(attack.turns)
    # The attack was one: the limit was reached, and drivers that were replaced tried to go on.
    assert {BudgetExhaustedError, StaleFenceError} <= set(attack.refusals)
