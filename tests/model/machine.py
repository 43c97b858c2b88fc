"""Servers that crash, stand still and take over, as rules."""

from asyncio import gather
from collections.abc import Sequence

from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
)

from application.conversation.ports.journal import Grant
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import SessionBusyError
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import TurnId
from tests.model.belief import Call, Driver
from tests.model.life import EVERYTHING, NEXT_NUMBERS, amounts, picks, servers
from tests.model.relays import Relays


class KernelMachine(Relays):
    """One tenant, two sessions, two servers.

    A lost answer is a command that is sent again at once, as servers do. A server that crashes
    forgets what it drove and published; one that stands still wakes later and goes on as if nothing
    had been.
    """

    @initialize()
    def begin(self) -> None:
        """Somebody is being answered in each session."""
        self.furnish()
        for number in range(len(self.seats)):
            self.accept(number, server=0, request=0, amount=100, forgotten=False)

    @precondition(lambda self: self.belief.drivers or self.belief.calls)
    @rule(server=servers)
    def crash(self, server: int) -> None:
        belief = self.belief
        belief.drivers = [one for one in belief.drivers if one.server != server]
        belief.calls = [one for one in belief.calls if one.server != server]
        self.lose_relay(server)

    @precondition(lambda self: self.belief.drivers or self.belief.calls)
    @rule()
    def stand_still(self) -> None:
        """Nothing is renewed for longer than a lease; nobody knows it until he asks."""
        self.run(self.kernel.administrator.expire_leases(self.ask.tenant_id))
        self.expire_buckets()
        for driver in self.belief.drivers:
            driver.sure = False

    @rule(server=servers)
    def take_over(self, server: int) -> None:
        for one in self.run(self.server(server).leases.take_over(EVERYTHING)):
            void = (one.last_written + 1, one.ceiling)
            self.drive(
                Driver(
                    self.belief.asker[one.turn.id],
                    server,
                    one.turn.id,
                    one.turn.fence,
                    one.ceiling + NEXT_NUMBERS,
                    shown=one.ceiling,
                    void=void if void[0] <= void[1] else None,
                    round=self.facts().turns[one.turn.id].round,
                )
            )
        for call in self.run(self.kernel.effects.take_over(EVERYTHING)):
            self.belief.calls.append(Call(call.invocation, server, call.fence))

    @precondition(lambda self: self.belief.drivers)
    @rule(server=servers)
    def overtake(self, server: int) -> None:
        """A server takes what others drive, who do not know it yet."""
        self.stand_still()
        self.take_over(server)

    @precondition(lambda self: self.belief.drivers)
    @rule(pick=picks)
    def wake_too_late(self, pick: int) -> None:
        """A server stands still in all that it could be about to do to a turn, which is taken."""
        driver = self.picked(pick)
        self.overtake(1 - driver.server)
        self.go_on_too_late(driver)
        self.belief.drivers.remove(driver)

    @rule(server=servers)
    def take_over_at_once(self, server: int) -> None:
        """Both sweep, and nothing is both's; then both die, and one takes what they had."""
        self.stand_still()
        one, other = self.run(self._both_take_over())
        assert not {*one} & {*other}
        self.crash(0)
        self.crash(1)
        self.overtake(server)

    async def _both_take_over(self) -> Sequence[Sequence[TurnId]]:
        async def taken_by(server: int) -> Sequence[TurnId]:
            found = await self.server(server).leases.take_over(EVERYTHING)
            return [one.turn.id for one in found]

        return await gather(taken_by(0), taken_by(1))

    @rule(seat=servers, request=picks, amount=amounts)
    def accept_at_once(self, seat: int, request: int, amount: int) -> None:
        """A client's message comes to both, who die; it is one turn, or refused."""
        ask = self.seats[seat]
        commands = [ask.accept(ask.hold(amount), request_id=str(request)) for _ in range(2)]

        async def both() -> Sequence[Grant | BaseException]:
            return await gather(
                *(
                    self.server(number).journal.accept(command)
                    for number, command in enumerate(commands)
                ),
                return_exceptions=True,
            )

        one, other = self.run(both())
        if isinstance(one, BudgetExhaustedError | SessionBusyError):
            assert type(one) is type(other)
            assert (ask, str(request)) not in self.belief.accepted
            return
        assert isinstance(one, Grant)
        assert isinstance(other, Grant)
        first = self.belief.accepted.setdefault((ask, str(request)), one.turn_id)
        assert first == one.turn_id == other.turn_id
        assert one.earlier or other.earlier
        self.belief.asker[first] = ask

    @rule(server=servers)
    def take_promoted(self, server: int) -> None:
        promoted = self.run(self.server(server).leases.promoted(EVERYTHING))
        for turn in (one.turn for one in promoted):
            if not self.belief.drives(server, turn.id):
                self.drive(
                    Driver(
                        self.belief.asker[turn.id],
                        server,
                        turn.id,
                        turn.fence,
                        ceiling=1,
                        shown=0,
                        sure=False,
                    )
                )

    def teardown(self) -> None:
        """Let everything come to its end: nothing is held then, and no request was lost."""
        try:
            self.come_to_rest()
            facts = self.facts()
            paused = set(self.belief.paused)
            for turn_id in self.belief.accepted.values():
                assert facts.turns[turn_id].state.final or turn_id in paused
            assert {balance.held for balance in facts.balances.values()} <= {0}
            self.everything_agrees()
            self.publish_the_rest()
        finally:
            for relay_id in self.tenure.known:
                self.run(self.place.outbox.leave(relay_id))
            self.run(self.kernel.administrator.forget(self.ask.tenant_id))
            self.run(self.lifetimes.aclose())
            self.runner.close()

    def come_to_rest(self) -> None:
        self.expire_reservations()
        for turn_id in self.belief.paused:
            self.cancel(turn_id)
        while True:
            lost = [*self.belief.drivers]
            self.stand_still()
            self.crash(0)
            self.crash(1)
            self.take_over(0)
            for driver in lost:
                self.go_on_too_late(driver)
            self.take_promoted(0)
            if not self.belief.drivers:
                return
            for driver in [*self.belief.drivers]:
                self.end(driver, 0, lost=False)

    def cancel(self, turn_id: TurnId) -> None:
        """Somebody gives up a paused turn, so that those that wait behind it can go on."""
        row = self.facts().turns[turn_id]
        driver = Driver(
            self.belief.asker[turn_id], 0, turn_id, row.fence, row.ceiling, shown=row.written
        )
        self.end(driver, 0, lost=False, state=TurnState.CANCELLED)
