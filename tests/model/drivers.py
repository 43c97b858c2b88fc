"""What servers do with the turns and calls that they hold, as rules."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
)

from application.conversation.ports.leases import Driven, EventBatch, Renewal
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn import TurnState
from domain.tools.errors import InvocationAlreadyDecidedError
from domain.tools.invocation import InvocationState
from tests.contract.commands import outcome, shown, tokens
from tests.model.belief import Driver
from tests.model.clients import Clients
from tests.model.life import NEXT_NUMBERS, amounts, lost_answers, picks, servers, uses


class Drivers(Clients):
    """They go on whether or not they still own what they drive; the store knows better."""

    @precondition(lambda self: self.belief.paused)
    @rule(pick=picks, server=servers, amount=amounts, lost=lost_answers)
    def resume(self, pick: int, server: int, amount: int, *, lost: bool) -> None:
        turn_id = [*self.belief.paused][pick % len(self.belief.paused)]
        ask = self.belief.asker[turn_id]
        fence = self.facts().turns[turn_id].fence
        command = ask.resume(turn_id, ask.hold(amount), fence=fence)
        journal = self.server(server).journal
        try:
            grant = self.sent(lambda: journal.resume(command), lost=lost)
        except (StaleFenceError, BudgetExhaustedError):
            assert self.facts().turns[turn_id].state is TurnState.PAUSED
            return
        del self.belief.paused[turn_id]
        self.drive(
            Driver(ask, server, turn_id, grant.fence, grant.ceiling, shown=grant.first_sequence - 1)
        )

    @precondition(lambda self: self.belief.drivers)
    @rule(pick=picks, amount=amounts, lost=lost_answers)
    def extend(self, pick: int, amount: int, *, lost: bool) -> None:
        driver = self.picked(pick)
        owned = self.owned(driver)
        call = driver.ask.call(driver.turn_id)
        command = driver.ask.extend(
            driver.turn_id,
            driver.ask.hold(amount),
            fence=driver.fence,
            round=driver.round + 1,
            started=(call,),
        )
        try:
            self.sent(lambda: self.server(driver.server).journal.extend(command), lost=lost)
        except BudgetExhaustedError:
            return
        except StaleFenceError:
            self.overtaken(driver)
            return
        assert owned
        driver.round += 1
        driver.sure = True
        self.belief.started(call.id)

    @precondition(lambda self: any(one.void for one in self.belief.drivers))
    @rule(pick=picks, used=st.integers(0, 600), amount=amounts, lost=lost_answers)
    def take_on(self, pick: int, used: int, amount: int, *, lost: bool) -> None:
        """Go on with the turn of a lost server, whose driver used something nobody has settled."""
        taken = [one for one in self.belief.drivers if one.void]
        driver = taken[pick % len(taken)]
        owned = self.owned(driver)
        command = driver.ask.take_on(
            driver.turn_id,
            driver.ask.hold(amount),
            uses=uses(used),
            fence=driver.fence,
            void=driver.void,
            step=driver.step,
        )
        told = (*command.outgoing, *self.told(driver, used))
        command = replace(command, outgoing=told)
        try:
            self.sent(lambda: self.server(driver.server).journal.take_on(command), lost=lost)
        except BudgetExhaustedError:
            return
        except StaleFenceError:
            self.overtaken(driver)
            return
        assert owned
        driver.step += 1
        driver.void = None

    @precondition(lambda self: self.belief.drivers)
    @rule(pick=picks, numbers=st.integers(1, 300))
    def show(self, pick: int, numbers: int) -> None:
        driver = self.picked(pick)
        if driver.sure:
            driver.shown = min(driver.shown + numbers, driver.ceiling - 1)

    @precondition(lambda self: self.belief.drivers)
    @rule(pick=picks)
    def write(self, pick: int) -> None:
        driver = self.picked(pick)
        events = driver.unwritten(self.written(driver))
        if not events:
            return
        owned = self.owned(driver)
        batch = EventBatch(self.ask.tenant_id, driver.turn_id, driver.fence, events)
        (written,) = self.run(self.server(driver.server).leases.append([batch]))
        if written is None:
            self.overtaken(driver)
        else:
            assert owned
            driver.void = None  # it is told now, and once

    @precondition(lambda self: self.belief.drivers)
    @rule(pick=picks)
    def renew(self, pick: int) -> None:
        driver = self.picked(pick)
        owned = self.owned(driver)
        ceiling = driver.shown + NEXT_NUMBERS
        renewal = Renewal(self.ask.tenant_id, driver.turn_id, driver.fence, ceiling)
        (left,) = self.run(self.server(driver.server).leases.renew([renewal]))
        if left is None:
            self.overtaken(driver)
        else:
            assert owned
            driver.ceiling = max(driver.ceiling, ceiling)
            driver.sure = True

    @precondition(lambda self: self.belief.drivers)
    @rule(pick=picks, used=st.integers(0, 600), lost=lost_answers)
    def pause(self, pick: int, used: int, *, lost: bool) -> None:
        driver = self.picked(pick)
        owned = self.owned(driver)
        if not self.end_calls(driver):
            self.overtaken(driver)
            return
        waiting = driver.ask.call(driver.turn_id, InvocationState.PENDING_APPROVAL)
        command = driver.ask.pause(
            driver.turn_id,
            *uses(used),
            fence=driver.fence,
            events=driver.unwritten(self.written(driver)),
            waiting=(waiting,),
        )
        told = (*command.outgoing, *self.told(driver, used))
        command = replace(command, outgoing=told)
        try:
            self.sent(lambda: self.server(driver.server).journal.pause(command), lost=lost)
        except StaleFenceError:
            self.overtaken(driver)
            return
        assert owned
        self.belief.drivers.remove(driver)
        self.belief.paused[driver.turn_id] = waiting.id

    @precondition(lambda self: self.belief.drivers)
    @rule(pick=picks, used=st.integers(0, 600), lost=lost_answers)
    def finish(self, pick: int, used: int, *, lost: bool) -> None:
        self.end(self.picked(pick), used, lost=lost)

    def go_on_too_late(self, driver: Driver) -> None:
        """Whose turn another server has goes on in every way there is, and nothing comes of it."""
        facts = self.facts()
        ask, turn_id, fence, row = (
            driver.ask,
            driver.turn_id,
            driver.fence,
            facts.turns[driver.turn_id],
        )
        assert row.fence != fence or row.state.final
        journal, leases = self.server(driver.server).journal, self.server(driver.server).leases
        late: Sequence[Callable[[], Awaitable[object]]] = (
            partial(journal.extend, ask.extend(turn_id, fence=fence, round=row.round + 1)),
            partial(journal.take_on, ask.take_on(turn_id, fence=fence, step=row.round, void=None)),
            partial(journal.pause, ask.pause(turn_id, tokens(1), fence=fence)),
            partial(journal.resume, ask.resume(turn_id, fence=fence)),
            partial(journal.finish, ask.finish(turn_id, tokens(1), fence=fence)),
        )
        for command in late:
            with pytest.raises(StaleFenceError):
                self.run(command())
        renewal = Renewal(self.ask.tenant_id, turn_id, fence, row.ceiling + NEXT_NUMBERS)
        assert list(self.run(leases.renew([renewal]))) == [None]
        batch = EventBatch(self.ask.tenant_id, turn_id, fence, shown(row.written + 1))
        assert list(self.run(leases.append([batch]))) == [None]
        self.run(leases.hand_back([Driven(self.ask.tenant_id, turn_id, fence)]))
        assert self.facts() == facts

    @precondition(lambda self: self.belief.calls)
    @rule(pick=picks, lost=lost_answers)
    def finish_call(self, pick: int, *, lost: bool) -> None:
        call = self.belief.calls[pick % len(self.belief.calls)]
        ended = outcome(call.invocation, fence=call.fence)
        self.belief.calls.remove(call)
        try:
            self.sent(lambda: self.kernel.effects.finish(ended), lost=lost)
        except (StaleFenceError, InvocationAlreadyDecidedError):
            fence = self.facts().invocations[call.invocation.id].fence
            assert fence > call.fence
