"""A tenant's life under two servers: what is known of it, and what must hold after every rule."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from application.budget.ports import Limit
from application.delivery.ports.outbox import Outbox
from application.operations.ports import Books
from domain.budget.account import Account, AccountKind, Use
from domain.budget.events import UsageRecorded
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import Completed, Restarted
from domain.kernel.identifiers import RecordId, SessionId, TurnId
from domain.kernel.metering import Metric
from domain.operations.finding import OF_TENANT
from domain.tools.invocation import InvocationState
from tests.contract.commands import USAGE, Commands, outcome, tokens
from tests.contract.kernel import Kernel, Server, Snapshot
from tests.contract.usage import used as used_tokens
from tests.differential.twins import check
from tests.fakes import CountingIdentifiers
from tests.model.belief import Belief, Driver

LIMIT: Final = 3000
EVERYTHING: Final = 1000
NEXT_NUMBERS: Final = 1000

amounts = st.integers(1, 400)
picks = st.integers(0, 5)
servers = st.integers(0, 1)
lost_answers = st.booleans()
seldom = st.integers(0, 5).map(lambda number: number == 5)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A kernel with two servers, who audits it, and what relays see of it.

    `expire_buckets` lets the time of all relays, and of what they hold, be over.
    """

    kernel: Kernel
    books: Books
    outbox: Outbox
    expire_buckets: Callable[[], Awaitable[None]]


Opening = Callable[[], AbstractAsyncContextManager[Place]]


class Life(RuleBasedStateMachine):
    """Sends commands and keeps what was answered; its heirs have the rules."""

    def __init__(self, opening: Opening, identifiers: CountingIdentifiers) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.lifetimes = AsyncExitStack()
        self.place = self.run(self.lifetimes.enter_async_context(opening()))
        self.ask = Commands.fresh(identifiers)
        self.seats = (self.ask, self.ask.in_session(SessionId(identifiers.next())))
        self.belief = Belief()
        self.fences = dict[TurnId, int]()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    @property
    def kernel(self) -> Kernel:
        return self.place.kernel

    def server(self, number: int) -> Server:
        return (self.kernel.one, self.kernel.other)[number]

    def facts(self) -> Snapshot:
        return self.run(self.kernel.administrator.snapshot(self.ask.tenant_id))

    def sent(self, command: Callable[[], Awaitable[T]], *, lost: bool) -> T:
        """The answer that arrives: the first one, or the one to the same command sent again."""
        if lost:
            self.run(command())
        return self.run(command())

    def furnish(self) -> None:
        administrator = self.kernel.administrator
        self.run(administrator.open_tenant(self.ask.tenant_id))
        for number, seat in enumerate(self.seats):
            self.run(administrator.open_session(seat.session(max_waiting=2 * number)))
        for account, amount in (
            (self.ask.account, LIMIT),
            (Account(AccountKind.USER, "ada"), LIMIT // 2),
        ):
            limit = Limit(account, Metric.TOKENS, amount)
            self.run(
                self.kernel.budgets.set_limit(
                    self.ask.tenant_id, limit, etag="", request=self.ask.request()
                )
            )

    @invariant()
    def everything_agrees(self) -> None:
        facts = self.facts()
        check(facts)
        for balance in facts.balances.values():
            assert balance.excess == 0
        for turn_id, row in facts.turns.items():
            assert row.fence >= self.fences.get(turn_id, 0)
            self.fences[turn_id] = row.fence
            assert row.state.final or turn_id not in self.belief.ended
        assert all(starts == 1 for starts in self.belief.starts.values())
        for look in OF_TENANT:
            assert list(self.run(self.place.books.check(self.ask.tenant_id, look, None))) == []

    def drive(self, driver: Driver) -> None:
        """A server begins to drive: nobody else was told the same under this fence."""
        rivals = [one for one in self.belief.drivers if one.turn_id == driver.turn_id]
        assert all(one.fence < driver.fence for one in rivals)
        self.belief.drivers.append(driver)

    def picked(self, pick: int) -> Driver:
        return self.belief.drivers[pick % len(self.belief.drivers)]

    def written(self, driver: Driver) -> int:
        return self.facts().turns[driver.turn_id].written

    def owned(self, driver: Driver) -> bool:
        """Whether the store lets it write: its turn runs under its fence, or waits for people."""
        row = self.facts().turns[driver.turn_id]
        return row.fence == driver.fence and row.state in {TurnState.RUNNING, TurnState.PAUSED}

    def overtaken(self, driver: Driver) -> None:
        """A driver was refused: its turn has another fence, or does not run any more."""
        assert not self.owned(driver)
        if driver in self.belief.drivers:
            self.belief.drivers.remove(driver)

    def told(self, driver: Driver, used: int) -> Sequence[UsageRecorded]:
        return (used_tokens(driver.ask, driver.turn_id, used),) if used else ()

    def end(
        self, driver: Driver, used: int, *, lost: bool, state: TurnState = TurnState.COMPLETED
    ) -> None:
        ask, owned = driver.ask, self.owned(driver)
        if not self.end_calls(driver):
            self.overtaken(driver)
            return
        record_id = RecordId(ask.identifiers.next())
        ending = Completed("Good day", "stop", USAGE, record_id)
        command = ask.finish(
            driver.turn_id,
            *uses(used),
            fence=driver.fence,
            state=state,
            events=driver.unwritten(self.written(driver), ending),
        )
        command = replace(
            command, outgoing=(*command.outgoing, *self.told(driver, used)), record_id=record_id
        )
        try:
            self.sent(lambda: self.server(driver.server).journal.finish(command), lost=lost)
        except StaleFenceError:
            self.overtaken(driver)
            return
        assert owned
        assert driver.turn_id not in self.belief.ended
        self.belief.ended.add(driver.turn_id)
        if driver in self.belief.drivers:
            self.belief.drivers.remove(driver)
        self.check_events(driver.turn_id)

    def end_calls(self, driver: Driver) -> bool:
        """A driver knows of every call before its turn ends; False where it is not its turn's."""
        calls = self.run(self.kernel.reader.invocations(self.ask.tenant_id, driver.turn_id))
        for call in calls:
            if call.state is InvocationState.STARTED:
                ended = outcome(call, InvocationState.UNKNOWN, fence=driver.fence)
                try:
                    self.run(self.kernel.effects.finish(ended))
                except StaleFenceError:
                    return False
        return True

    def check_events(self, turn_id: TurnId) -> None:
        """Each number is in one event or under one `restarted`; one end, and it is last."""
        events = self.run(self.kernel.reader.events(self.ask.tenant_id, turn_id, 0, EVERYTHING**2))
        following = 1
        for event in events:
            body = event.body
            first = body.first_sequence if isinstance(body, Restarted) else event.sequence
            assert first == following
            following = event.last_sequence + 1
        assert [event.final for event in events] == [False] * (len(events) - 1) + [True]


def uses(amount: int) -> Sequence[Use]:
    return (tokens(amount),) if amount else ()
