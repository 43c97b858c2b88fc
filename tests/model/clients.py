"""What clients do, as rules."""

from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
)

from domain.budget.errors import BudgetExhaustedError, ReservationEndedError
from domain.conversation.errors import SessionBusyError
from domain.conversation.turn import TurnState
from domain.tools.errors import InvocationAlreadyDecidedError
from tests.contract.commands import tokens
from tests.contract.usage import used_alone
from tests.model.belief import Call, Driver
from tests.model.life import EVERYTHING, Life, amounts, lost_answers, picks, seldom, servers


class Clients(Life):
    """They send messages, call tools, hold and settle budget, and decide about calls that wait."""

    @rule(seat=servers, server=servers, request=picks, amount=amounts, forgotten=seldom)
    def accept(self, seat: int, server: int, request: int, amount: int, *, forgotten: bool) -> None:
        ask = self.seats[seat]
        command = ask.accept(
            ask.hold(amount), ask.hold(amount // 2, user="ada"), request_id=str(request)
        )
        try:
            grant = self.run(self.server(server).journal.accept(command))
        except (BudgetExhaustedError, SessionBusyError):
            assert (ask, str(request)) not in self.belief.accepted
            return
        first = self.belief.accepted.setdefault((ask, str(request)), grant.turn_id)
        assert first == grant.turn_id
        self.belief.asker[grant.turn_id] = ask
        if grant.state is TurnState.RUNNING and not grant.earlier and not forgotten:
            self.drive(Driver(ask, server, grant.turn_id, grant.fence, grant.ceiling, shown=0))

    @rule(server=servers, request=picks, lost=lost_answers)
    def call(self, server: int, request: int, *, lost: bool) -> None:
        call = self.ask.call(None)
        stored = self.sent(
            lambda: self.kernel.effects.begin(call, f"call {request}", b"content"), lost=lost
        )
        if stored.id == call.id:
            self.belief.started(call.id)
            self.belief.calls.append(Call(stored, server, fence=0))

    @rule(amount=amounts, lost=lost_answers)
    def reserve(self, amount: int, *, lost: bool) -> None:
        command = self.ask.reserve(self.ask.hold(amount))
        try:
            self.sent(lambda: self.kernel.budgets.reserve(command), lost=lost)
        except BudgetExhaustedError:
            return
        self.belief.reservations.append(command.reservation_id)

    @precondition(lambda self: self.belief.reservations)
    @rule(pick=picks, used=amounts, lost=lost_answers)
    def settle(self, pick: int, used: int, *, lost: bool) -> None:
        reservation_id = self.belief.reservations[pick % len(self.belief.reservations)]
        told = used_alone(self.ask, reservation_id, used)
        try:
            self.sent(
                lambda: self.kernel.budgets.settle(
                    self.ask.tenant_id, reservation_id, (tokens(used),), (told,)
                ),
                lost=lost,
            )
        except ReservationEndedError:
            return

    @precondition(lambda self: self.belief.reservations)
    @rule(pick=picks, lost=lost_answers)
    def release(self, pick: int, *, lost: bool) -> None:
        reservation_id = self.belief.reservations[pick % len(self.belief.reservations)]
        try:
            self.sent(
                lambda: self.kernel.budgets.release(self.ask.tenant_id, reservation_id), lost=lost
            )
        except ReservationEndedError:
            return

    @precondition(lambda self: self.belief.paused)
    @rule(pick=picks, approved=st.booleans(), lost=lost_answers)
    def decide(self, pick: int, approved: bool, *, lost: bool) -> None:  # noqa: FBT001 - generated
        call_id = [*self.belief.paused.values()][pick % len(self.belief.paused)]
        try:
            self.sent(
                lambda: self.kernel.effects.decide(
                    self.ask.tenant_id,
                    call_id,
                    approved=approved,
                    by="grace",
                    events=(),
                    expired=self.ask.fact(),
                ),
                lost=lost,
            )
        except InvocationAlreadyDecidedError:
            return

    @precondition(lambda self: self.belief.reservations)
    @rule()
    def expire_reservations(self) -> None:
        self.run(self.kernel.administrator.expire_reservations(self.ask.tenant_id))
        self.run(self.kernel.budgets.release_expired(EVERYTHING))
