"""Servers that crash, stand still and take over, as rules."""

from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
)

from domain.conversation.turn import TurnState
from domain.kernel.identifiers import TurnId
from tests.model.belief import Call, Driver
from tests.model.drivers import Drivers
from tests.model.life import EVERYTHING, NEXT_NUMBERS, servers


class KernelMachine(Drivers):
    """One tenant, two sessions, two servers.

    A lost answer is a command that is sent again at once, as servers do. A server that crashes
    forgets what it drove; one that stands still wakes later and goes on as if nothing had been.
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

    @precondition(lambda self: self.belief.drivers or self.belief.calls)
    @rule()
    def stand_still(self) -> None:
        """Nothing is renewed for longer than a lease; nobody knows it until he asks."""
        self.run(self.kernel.administrator.expire_leases(self.ask.tenant_id))
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
        finally:
            self.run(self.kernel.administrator.forget(self.ask.tenant_id))
            self.run(self.lifetimes.aclose())
            self.runner.close()

    def come_to_rest(self) -> None:
        self.expire_reservations()
        for turn_id in self.belief.paused:
            self.cancel(turn_id)
        while True:
            self.stand_still()
            self.crash(0)
            self.crash(1)
            self.take_over(0)
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
